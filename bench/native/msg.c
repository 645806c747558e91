/* msgsnd(2), then msgrcv(2), of argv[1] bytes, by one process. One operation is both. */
#include <sys/msg.h>
#include "bench.h"

static int id;
static size_t bytes;

static void
msgs(long n)
{
	struct {
		long mtype;
		char mtext[4096];
	} out = { .mtype = 1 }, in;
	long i;

	for (i = 0; i < n; i++)
		if (msgsnd(id, &out, bytes, 0) != 0 ||
		    msgrcv(id, &in, bytes, 0, 0) != (ssize_t)bytes)
			check(-1, "msgsnd or msgrcv");
}

int
main(int argc, char **argv)
{
	bytes = argc > 1 ? atol(argv[1]) : 64;
	endwithinput();
	check(id = msgget(IPC_PRIVATE, IPC_CREAT | 0600), "msgget");
	rounds(msgs);
	check(msgctl(id, IPC_RMID, NULL), "msgctl");
	return (0);
}
