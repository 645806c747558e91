/* shmget(2), shmat(2), shmdt(2), IPC_RMID of a segment of one page. One operation is all four. */
#include <sys/shm.h>
#include "bench.h"

static void
cycles(long n)
{
	void *at;
	long i;
	int id;

	for (i = 0; i < n; i++) {
		check(id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600), "shmget");
		at = shmat(id, NULL, 0);
		check(at == (void *)-1 ? -1 : 0, "shmat");
		check(shmdt(at), "shmdt");
		check(shmctl(id, IPC_RMID, NULL), "shmctl");
	}
}

int
main(void)
{
	endwithinput();
	rounds(cycles);
	return (0);
}
