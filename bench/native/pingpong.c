/* Two processes hand two semaphores back and forth. One operation is there and back. */
#include <sys/wait.h>
#include "bench.h"

static int id;

static void
ping(long n)
{
	struct sembuf give = { 0, 1, 0 }, take = { 1, -1, 0 };
	long i;

	for (i = 0; i < n; i++)
		if (semop(id, &give, 1) != 0 || semop(id, &take, 1) != 0)
			check(-1, "semop");
}

/* Hand back what is handed over, until the set is removed. */
static void
pong(void)
{
	struct sembuf take = { 0, -1, 0 }, give = { 1, 1, 0 };

	while (semop(id, &take, 1) == 0 && semop(id, &give, 1) == 0)
		;
	_exit(0);
}

int
main(void)
{
	pid_t pid;

	endwithinput();
	check(id = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600), "semget");
	check(pid = fork(), "fork");
	if (pid == 0)
		pong();
	rounds(ping);
	check(semctl(id, 0, IPC_RMID), "semctl");
	wait(NULL);
	return (0);
}
