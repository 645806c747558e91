/*
 * What the native baselines share. A program answers each line on its standard input, a number of
 * milliseconds, with a line of numbers, and ends with its input.
 */
#ifndef BENCH_H
#define BENCH_H
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>
#include <unistd.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

static inline double
nanos(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1e9 + ts.tv_nsec);
}

static inline void
check(int result, const char *what)
{
	if (result != -1)
		return;
	perror(what);
	exit(1);
}

/* Ctrl-C is for the bench, which closes the input: nothing is left in the host's kernel. */
static inline void
endwithinput(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

/* Milliseconds of the next round; 0 at the end of the input. */
static inline double
nextround(void)
{
	char line[64];

	if (fgets(line, sizeof(line), stdin) == NULL)
		return (0);
	return (atof(line));
}

/*
 * Nanoseconds an operation, from batches of `loop` for `ms` milliseconds, after a lead-in that does
 * not count. programs/timed.ts does the same.
 */
#define LEAD_IN 0.25
#define BATCH 200000.0

static inline double
timedfor(double ms, void (*loop)(long))
{
	double batch = nanos(), from = batch + ms * 1e6 * LEAD_IN;
	double until = from + ms * 1e6, started = 0, now;
	long n = 2, operations = 0;

	do {
		loop(n);
		now = nanos();
		if (started > 0)
			operations += n;
		else if (now >= from)
			started = now;
		if (now - batch < BATCH / 2)
			n *= 2;
		batch = now;
	} while (now < until || operations == 0);
	return ((now - started) / operations);
}

/* Answer every round with the time of an operation of `loop`. */
static inline void
rounds(void (*loop)(long))
{
	double ms;

	while ((ms = nextround()) > 0) {
		printf("%.3f\n", timedfor(ms, loop));
		fflush(stdout);
	}
}
#endif
