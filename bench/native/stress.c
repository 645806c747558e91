/*
 * What the stressors of packages/workload/src/stress do, on this machine's own kernel, for scale:
 *
 *   stress sem|shm|msg|pipeline|convoy|churn|storm GROUPS PROCS SECONDS
 *
 * GROUPS are the jails, each with its own objects, PROCS the processes of each. One line of output
 * for every bucket of the histogram of latencies: its upper end in nanoseconds, and the count.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SUB 64 /* buckets of an octave */
#define BUCKETS (SUB * 40)
#define PAGE 4096

union semun {
	int val;
	unsigned short *array;
};
struct message {
	long mtype;
	char mtext[128];
};

static unsigned *counts; /* shared; written with atomics */
static int set = -1, segment = -1, queue = -1;
static int *words;
static unsigned rng;
static int ix, flight;

static double
nanos(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1e9 + ts.tv_nsec);
}

static unsigned
below(unsigned n)
{
	rng = rng * 1664525u + 1013904223u;
	return ((rng >> 8) % n);
}

static void
record(double ns)
{
	unsigned long v = ns < 1 ? 1 : (unsigned long)ns;
	int octave = 63 - __builtin_clzl(v);
	int at = octave < 6 ? (int)v : (octave - 5) * SUB + (int)((v >> (octave - 6)) & (SUB - 1));

	__atomic_fetch_add(&counts[at < BUCKETS ? at : BUCKETS - 1], 1, __ATOMIC_RELAXED);
}

static double
upper(int at)
{
	int octave = at / SUB + 5;

	return (at < SUB ? at : ((double)(SUB + at % SUB + 1) * (1ul << (octave - 6))) - 1);
}

/* False: interrupted by the alarm at the end. */
static int
ops(int a, int da, int b, int db, int flg)
{
	struct sembuf sops[2] = { { a, da, flg }, { b, db, flg } };

	return (semop(set, sops, b < 0 ? 1 : 2) == 0);
}

static int
opsem(void)
{
	unsigned drawn = below(100);

	if (drawn >= 80)
		return (ops(1, -1, 1, 1, 0));
	if (!ops(0, -1, -1, 0, drawn < 60 ? SEM_UNDO : SEM_UNDO | IPC_NOWAIT))
		return (0);
	words[0]++;
	semctl(set, 0, GETPID);
	return (ops(0, 1, -1, 0, SEM_UNDO));
}

static int
opshm(void)
{
	struct shmid_ds ds;
	int page = ix * 4 + below(4), value = 1 + below(1u << 24), same = 1, i, *second;

	for (i = 0; i < PAGE / 4; i++)
		words[page * PAGE / 4 + i] = value;
	second = shmat(segment, NULL, 0);
	for (i = 0; i < PAGE / 4; i++)
		same &= second[page * PAGE / 4 + i] == value;
	shmctl(segment, IPC_STAT, &ds);
	shmdt(second);
	return (same);
}

static int
opmsg(void)
{
	struct message m = { .mtype = ix + 1 };

	if (flight == 0 || (flight < 4 && below(2) == 0)) {
		if (msgsnd(queue, &m, 4 + below(61), flight == 0 ? 0 : IPC_NOWAIT) == 0)
			return (++flight);
	}
	if (msgrcv(queue, &m, sizeof(m.mtext), ix + 1, 0) < 0)
		return (0);
	flight--;
	return (1);
}

static int
opstorm(void)
{
	struct message m = { .mtype = 1 + below(8) };

	if (ix % 2 == 0)
		return (msgsnd(queue, &m, 1 + below(128), 0) == 0);
	return (msgrcv(queue, &m, sizeof(m.mtext), below(2) ? 0 : -8, 0) >= 0);
}

static int
oppipeline(void)
{
	int from = ix % 2 == 0 ? 1 : 2;

	if (!ops(from, -1, 0, -1, 0))
		return (0);
	words[from]++;
	return (ops(0, 1, 3 - from, 1, 0));
}

static int
opconvoy(void)
{
	struct timespec hold = { 0, 50000 + below(100000) };

	if (!ops(0, -1, -1, 0, 0))
		return (0);
	nanosleep(&hold, NULL);
	return (ops(0, 1, -1, 0, 0));
}

static int
opchurn(void)
{
	size_t bytes = (1 + below(16)) * PAGE;
	int id = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
	int *at = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

	if (at == (void *)-1)
		return (0);
	memset(at, 1, bytes);
	shmctl(id, IPC_RMID, NULL);
	return (shmdt(at) == 0);
}

static const struct {
	const char *name;
	int (*op)(void);
} WORKLOADS[] = { { "sem", opsem }, { "shm", opshm }, { "msg", opmsg }, { "storm", opstorm },
	{ "pipeline", oppipeline }, { "convoy", opconvoy }, { "churn", opchurn } };

static void
ignore(int sig)
{
	(void)sig;
}

static void
work(int (*op)(void), double seconds)
{
	struct sigaction sa = { .sa_handler = ignore };
	double until = nanos() + seconds * 1e9, from = nanos();
	struct itimerspec again = { { 0, 5000000 }, { 0, 0 } };
	timer_t timer;

	sigaction(SIGALRM, &sa, NULL);
	again.it_value.tv_sec = (time_t)seconds;
	again.it_value.tv_nsec = (long)((seconds - (time_t)seconds) * 1e9) + 1;
	timer_create(CLOCK_MONOTONIC, NULL, &timer);
	timer_settime(timer, 0, &again, NULL);
	for (double now; from < until; from = now) {
		int done = op();

		now = nanos();
		if (done && now < until)
			record(now - from);
	}
}

int
main(int argc, char **argv)
{
	unsigned short values[3] = { 1, 1000, 0 };
	int (*op)(void) = NULL;
	int groups, procs, g, *sets, *segments, *queues;
	double seconds;

	for (g = 0; argc == 5 && g < (int)(sizeof(WORKLOADS) / sizeof(*WORKLOADS)); g++)
		if (strcmp(argv[1], WORKLOADS[g].name) == 0)
			op = WORKLOADS[g].op;
	if (op == NULL)
		return (2);
	groups = atoi(argv[2]), procs = atoi(argv[3]), seconds = atof(argv[4]);
	signal(SIGINT, SIG_IGN); /* the objects are to be removed */
	signal(SIGTERM, SIG_IGN);
	if (op == oppipeline)
		values[1] = 8;
	counts = mmap(NULL, BUCKETS * sizeof(*counts), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sets = calloc(3 * groups, sizeof(*sets)), segments = sets + groups, queues = segments + groups;
	for (g = 0; g < groups; g++) {
		sets[g] = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
		segments[g] = shmget(IPC_PRIVATE, procs * 4 * PAGE, IPC_CREAT | 0600);
		queues[g] = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
		semctl(sets[g], 0, SETALL, (union semun){ .array = values });
	}
	for (g = 0; g < groups * procs; g++) {
		if (fork() != 0)
			continue;
		set = sets[g / procs], segment = segments[g / procs], queue = queues[g / procs];
		words = shmat(segment, NULL, 0);
		ix = g % procs, rng = g + 1;
		work(op, seconds);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	for (g = 0; g < groups; g++) {
		semctl(sets[g], 0, IPC_RMID);
		shmctl(segments[g], IPC_RMID, NULL);
		msgctl(queues[g], IPC_RMID, NULL);
	}
	for (g = 0; g < BUCKETS; g++)
		if (counts[g] > 0)
			printf("%.0f %u\n", upper(g), counts[g]);
	return (0);
}
