/*
 * connect NAME PORT connects to the first of the addresses of NAME that accepts a connection, in the
 * order of getaddrinfo, and prints what it receives.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct addrinfo hints, *all, *ai;
	char line[128];
	int error;

	if (argc != 3)
		return 2;
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	error = getaddrinfo(argv[1], argv[2], &hints, &all);
	if (error) {
		fprintf(stderr, "%s: %s\n", argv[1], gai_strerror(error));
		return 1;
	}
	for (ai = all; ai; ai = ai->ai_next) {
		int s = socket(ai->ai_family, ai->ai_socktype, ai->ai_protocol);
		FILE *f;

		if (s < 0)
			continue;
		if (connect(s, ai->ai_addr, ai->ai_addrlen)) {
			close(s);
			continue;
		}
		f = fdopen(s, "r");
		if (!f || !fgets(line, sizeof line, f))
			return 1;
		fputs(line, stdout);
		return 0;
	}
	fprintf(stderr, "%s: no address accepts a connection\n", argv[1]);
	return 1;
}
