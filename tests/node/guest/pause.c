/* The process that holds a pod's namespaces open: it waits, and leaves when told to. */
#include <signal.h>
#include <unistd.h>

static void leave(int signal) { _exit(signal == SIGTERM ? 0 : 1); }

int main(void)
{
	signal(SIGTERM, leave);
	signal(SIGINT, leave);
	for (;;)
		pause();
}
