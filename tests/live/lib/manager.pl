# SPDX-License-Identifier: MIT
# A service manager for one program, as sd_notify(3) and sd_listen_fds(3) say: manager.pl NAMES COMMAND...
# NAMES: the names of the sockets to hand over, by commas, or `-`; they listen on 127.0.0.1. Prints `socket NAME PORT` for
# each, `pid N`, then what the program tells, one line each, and at last `ended CODE`. WATCHDOG_MS asks for signs of life.
use strict;
use warnings;
use Fcntl ();
use Socket;
use POSIX ();

$| = 1;
my $names = shift @ARGV;
my @names = $names eq '-' ? () : split /,/, $names;
my $path = "$ENV{TMPDIR}/notify.$$";
socket(my $notify, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($notify, pack_sockaddr_un($path)) or die "bind: $!";

my @sockets;
for my $name (@names) {
    socket(my $socket, AF_INET, SOCK_STREAM, 0) or die "socket: $!";
    bind($socket, pack_sockaddr_in(0, inet_aton('127.0.0.1'))) or die "bind: $!";
    listen($socket, 16) or die "listen: $!";
    my ($port) = unpack_sockaddr_in(getsockname($socket));
    print "socket $name $port\n";
    push @sockets, $socket;
}

my $pid = fork() // die "fork: $!";
if ($pid == 0) {
    my @high = map { fcntl($_, Fcntl::F_DUPFD(), 100) } @sockets;
    close $notify;
    for my $i (0 .. $#high) {
        POSIX::dup2($high[$i], 3 + $i);
        POSIX::close($high[$i]);
    }
    $ENV{NOTIFY_SOCKET} = $path;
    $ENV{LISTEN_PID} = $ENV{WATCHDOG_PID} = $$;
    $ENV{LISTEN_FDS} = scalar @sockets;
    $ENV{LISTEN_FDNAMES} = join ':', @names;
    $ENV{WATCHDOG_USEC} = 1000 * ($ENV{WATCHDOG_MS} // 0) if $ENV{WATCHDOG_MS};
    exec @ARGV or POSIX::_exit(127);
}
print "pid $pid\n";
close $_ for @sockets;
$SIG{TERM} = $SIG{INT} = sub { kill 'TERM', $pid };

# The end of the program is looked for between what it tells: ten times a second at the latest.
my $told = '';
for (;;) {
    my $ready = '';
    vec($ready, fileno($notify), 1) = 1;
    if (select($ready, undef, undef, 0.1) > 0 && defined recv($notify, $told, 4096, 0)) {
        print "told $_\n" for split /\n/, $told;
        next;
    }
    next if waitpid($pid, POSIX::WNOHANG()) == 0;
    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    unlink $path;
    print "ended $code\n";
    exit $code;
}
