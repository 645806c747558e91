/*
 * argv[1] processes take one semaphore in turns for so many milliseconds: hold it for argv[2]
 * nanoseconds, do something else for argv[3]. The answer is acquisitions of each, then the longest
 * waits: every wait counts in a histogram of 16 steps an octave.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include "bench.h"

#define BUCKETS 1024

struct shared {
	volatile double until;
	long counts[64];
	long waits[64][BUCKETS];
};

static void
busy(double ns)
{
	double until = nanos() + ns;

	while (nanos() < until)
		;
}

/* Of a wait in nanoseconds. The same in programs/contended.ts. */
static int
bucket(double ns)
{
	long whole = ns < 1 ? 1 : (long)ns;
	int octave = 63 - __builtin_clzl(whole);

	return (octave * 16 + (octave < 4 ? 0 : (int)(whole >> (octave - 4)) & 15));
}

static void
contend(struct shared *sh, int me, int id, double hold, double think)
{
	struct sembuf down = { 0, -1, 0 }, up = { 0, 1, 0 };
	double asked;

	do {
		asked = nanos();
		check(semop(id, &down, 1), "semop");
		sh->waits[me][bucket(nanos() - asked)]++;
		busy(hold);
		check(semop(id, &up, 1), "semop");
		sh->counts[me]++;
		busy(think);
	} while (nanos() < sh->until);
}

static void
roundof(struct shared *sh, int jails, int ready, int id, double hold, double think, double ms)
{
	struct sembuf zero = { 0, 0, 0 };
	union semun one = { .val = 1 };
	int i;

	memset(sh, 0, sizeof(*sh));
	check(semctl(ready, 0, SETVAL, one), "semctl");
	check(semctl(id, 0, SETVAL, one), "semctl");
	for (i = 0; i < jails; i++) {
		pid_t pid = fork();

		check(pid, "fork");
		if (pid != 0)
			continue;
		check(semop(ready, &zero, 1), "semop");
		contend(sh, i, id, hold, think);
		_exit(0);
	}
	usleep(2000); /* all wait for `ready` */
	sh->until = nanos() + ms * 1e6;
	one.val = 0;
	check(semctl(ready, 0, SETVAL, one), "semctl");
	while (wait(NULL) > 0)
		;
}

int
main(int argc, char **argv)
{
	int jails = argc > 1 ? atoi(argv[1]) : 2;
	double hold = argc > 2 ? atof(argv[2]) : 0, think = argc > 3 ? atof(argv[3]) : 0;
	int id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	int ready = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double ms;
	int i, j;

	endwithinput();
	check(id, "semget");
	check(ready, "semget");
	check(sh == MAP_FAILED ? -1 : 0, "mmap");
	while ((ms = nextround()) > 0) {
		roundof(sh, jails, ready, id, hold, think, ms);
		for (i = 0; i < jails; i++)
			printf("%ld ", sh->counts[i]);
		for (j = 0; j < BUCKETS; j++) {
			long sum = 0;

			for (i = 0; i < jails; i++)
				sum += sh->waits[i][j];
			printf("%ld ", sum);
		}
		printf("\n");
		fflush(stdout);
	}
	check(semctl(id, 0, IPC_RMID), "semctl");
	check(semctl(ready, 0, IPC_RMID), "semctl");
	return (0);
}
