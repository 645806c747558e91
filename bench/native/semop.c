/*
 * Calls by one process on one semaphore. argv[1]: `semop`, down and up; `undo`, the same with
 * SEM_UNDO; `getval`, semctl GETVAL; `stat`, semctl IPC_STAT. One operation is one call.
 */
#include "bench.h"

static int id, cmd;
static short flg;

static void
semops(long n)
{
	struct sembuf down = { 0, -1, flg }, up = { 0, 1, flg };
	long i;

	for (i = 0; i < n; i += 2)
		if (semop(id, &down, 1) != 0 || semop(id, &up, 1) != 0)
			check(-1, "semop");
}

static void
semctls(long n)
{
	struct semid_ds ds;
	union semun arg = { .buf = &ds };
	long i;

	for (i = 0; i < n; i++)
		check(semctl(id, 0, cmd, arg), "semctl");
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "semop";
	union semun one = { .val = 1 };

	endwithinput();
	check(id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600), "semget");
	check(semctl(id, 0, SETVAL, one), "semctl");
	flg = strcmp(what, "undo") == 0 ? SEM_UNDO : 0;
	cmd = strcmp(what, "stat") == 0 ? IPC_STAT : GETVAL;
	rounds(strcmp(what, "stat") == 0 || strcmp(what, "getval") == 0 ? semctls : semops);
	check(semctl(id, 0, IPC_RMID), "semctl");
	return (0);
}
