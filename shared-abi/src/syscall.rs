// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The one table of system calls: name, number on each architecture, event.

use super::event::Event;

/// Words of a bitmap of system calls.
pub const SYSCALL_WORDS: usize = 8;
/// System calls that a bitmap can name; higher numbers are never recorded.
pub const SYSCALL_MAX: usize = SYSCALL_WORDS * 64;

/// Number of a call that an architecture does not have.
pub const NONE: u16 = u16::MAX;

/// Whether this is for kernels of aarch64. eBPF programs are compiled for a machine of
/// their own, so whoever builds them says it.
pub const AARCH64: bool =
    cfg!(target_arch = "aarch64") || option_env!("FALCO_EBPF_AARCH64").is_some();

/// One system call.
#[derive(Clone, Copy, Debug)]
pub struct Syscall {
    /// Name.
    pub name: &'static str,
    /// Number on x86_64, or [`NONE`].
    pub x86_64: u16,
    /// Number on aarch64, or [`NONE`].
    pub aarch64: u16,
    /// The event that carries it.
    pub event: Event,
}

impl Syscall {
    /// Number on the architecture that this is compiled for, or [`NONE`].
    pub const fn number(&self) -> u16 {
        if AARCH64 {
            self.aarch64
        } else {
            self.x86_64
        }
    }
}

macro_rules! number {
    (-) => {
        NONE
    };
    ($n:literal) => {
        $n
    };
}

macro_rules! syscalls {
    ($( $name:ident $x86_64:tt $aarch64:tt $event:ident; )*) => {
        /// All system calls.
        pub const SYSCALLS: &[Syscall] = &[$( Syscall {
            name: stringify!($name),
            x86_64: number!($x86_64),
            aarch64: number!($aarch64),
            event: Event::$event,
        } ),*];

        /// Number of each call on x86_64, by its name.
        #[allow(non_upper_case_globals, missing_docs)]
        pub mod x86_64 {
            $( pub const $name: u16 = number!($x86_64); )*
        }
    };
}

#[rustfmt::skip]
syscalls! {
//  name                 x86_64 aarch64 event
    read                        0   63 Read;
    write                       1   64 Write;
    open                        2    - Open;
    close                       3   57 Close;
    stat                        4    - Stat;
    fstat                       5   80 Fstat;
    lstat                       6    - Lstat;
    poll                        7    - Poll;
    lseek                       8   62 Lseek;
    mmap                        9  222 Mmap;
    mprotect                   10  226 Mprotect;
    munmap                     11  215 Munmap;
    brk                        12  214 Brk;
    rt_sigaction               13  134 Syscall;
    rt_sigprocmask             14  135 Syscall;
    rt_sigreturn               15  139 Syscall;
    ioctl                      16   29 Ioctl;
    pread64                    17   67 Pread;
    pwrite64                   18   68 Pwrite;
    readv                      19   65 Readv;
    writev                     20   66 Writev;
    access                     21    - Access;
    pipe                       22    - Pipe;
    select                     23    - Select;
    sched_yield                24  124 Syscall;
    mremap                     25  216 Syscall;
    msync                      26  227 Syscall;
    mincore                    27  232 Syscall;
    madvise                    28  233 Syscall;
    shmget                     29  194 Syscall;
    shmat                      30  196 Syscall;
    shmctl                     31  195 Syscall;
    dup                        32   23 Dup;
    dup2                       33    - Dup2;
    pause                      34    - Syscall;
    nanosleep                  35  101 Nanosleep;
    getitimer                  36  102 Syscall;
    alarm                      37    - Syscall;
    setitimer                  38  103 Syscall;
    getpid                     39  172 Syscall;
    sendfile                   40   71 Sendfile;
    socket                     41  198 Socket;
    connect                    42  203 Connect;
    accept                     43  202 Accept;
    sendto                     44  206 Sendto;
    recvfrom                   45  207 Recvfrom;
    sendmsg                    46  211 Sendmsg;
    recvmsg                    47  212 Recvmsg;
    shutdown                   48  210 Shutdown;
    bind                       49  200 Bind;
    listen                     50  201 Listen;
    getsockname                51  204 Getsockname;
    getpeername                52  205 Getpeername;
    socketpair                 53  199 Socketpair;
    setsockopt                 54  208 Setsockopt;
    getsockopt                 55  209 Getsockopt;
    clone                      56  220 Clone;
    fork                       57    - Fork;
    vfork                      58    - Vfork;
    execve                     59  221 Execve;
    exit                       60   93 Exit;
    wait4                      61  260 Syscall;
    kill                       62  129 Kill;
    uname                      63  160 Syscall;
    semget                     64  190 Semget;
    semop                      65  193 Semop;
    semctl                     66  191 Semctl;
    shmdt                      67  197 Syscall;
    msgget                     68  186 Syscall;
    msgsnd                     69  189 Syscall;
    msgrcv                     70  188 Syscall;
    msgctl                     71  187 Syscall;
    fcntl                      72   25 Fcntl;
    flock                      73   32 Flock;
    fsync                      74   82 Syscall;
    fdatasync                  75   83 Syscall;
    truncate                   76   45 Syscall;
    ftruncate                  77   46 Syscall;
    getdents                   78    - Getdents;
    getcwd                     79   17 Getcwd;
    chdir                      80   49 Chdir;
    fchdir                     81   50 Fchdir;
    rename                     82    - Rename;
    mkdir                      83    - Mkdir;
    rmdir                      84    - Rmdir;
    creat                      85    - Creat;
    link                       86    - Link;
    unlink                     87    - Unlink;
    symlink                    88    - Symlink;
    readlink                   89    - Syscall;
    chmod                      90    - Chmod;
    fchmod                     91   52 Fchmod;
    chown                      92    - Chown;
    fchown                     93   55 Fchown;
    lchown                     94    - Lchown;
    umask                      95  166 Syscall;
    gettimeofday               96  169 Syscall;
    getrlimit                  97  163 Getrlimit;
    getrusage                  98  165 Syscall;
    sysinfo                    99  179 Syscall;
    times                     100  153 Syscall;
    ptrace                    101  117 Ptrace;
    getuid                    102  174 Getuid;
    syslog                    103  116 Syscall;
    getgid                    104  176 Getgid;
    setuid                    105  146 Setuid;
    setgid                    106  144 Setgid;
    geteuid                   107  175 Geteuid;
    getegid                   108  177 Getegid;
    setpgid                   109  154 Setpgid;
    getppid                   110  173 Syscall;
    getpgrp                   111    - Syscall;
    setsid                    112  157 Setsid;
    setreuid                  113  145 Setreuid;
    setregid                  114  143 Setregid;
    getgroups                 115  158 Syscall;
    setgroups                 116  159 Syscall;
    setresuid                 117  147 Setresuid;
    getresuid                 118  148 Getresuid;
    setresgid                 119  149 Setresgid;
    getresgid                 120  150 Getresgid;
    getpgid                   121  155 Syscall;
    setfsuid                  122  151 Syscall;
    setfsgid                  123  152 Syscall;
    getsid                    124  156 Syscall;
    capget                    125   90 Syscall;
    capset                    126   91 Capset;
    rt_sigpending             127  136 Syscall;
    rt_sigtimedwait           128  137 Syscall;
    rt_sigqueueinfo           129  138 Syscall;
    rt_sigsuspend             130  133 Syscall;
    sigaltstack               131  132 Syscall;
    utime                     132    - Syscall;
    mknod                     133    - Mknod;
    uselib                    134    - Syscall;
    personality               135   92 Syscall;
    ustat                     136    - Syscall;
    statfs                    137   43 Syscall;
    fstatfs                   138   44 Syscall;
    sysfs                     139    - Syscall;
    getpriority               140  141 Syscall;
    setpriority               141  140 Syscall;
    sched_setparam            142  118 Syscall;
    sched_getparam            143  121 Syscall;
    sched_setscheduler        144  119 Syscall;
    sched_getscheduler        145  120 Syscall;
    sched_get_priority_max    146  125 Syscall;
    sched_get_priority_min    147  126 Syscall;
    sched_rr_get_interval     148  127 Syscall;
    mlock                     149  228 Mlock;
    munlock                   150  229 Munlock;
    mlockall                  151  230 Mlockall;
    munlockall                152  231 Munlockall;
    vhangup                   153   58 Syscall;
    modify_ldt                154    - Syscall;
    pivot_root                155   41 Syscall;
    _sysctl                   156    - Syscall;
    prctl                     157  167 Prctl;
    arch_prctl                158    - Syscall;
    adjtimex                  159  171 Syscall;
    setrlimit                 160  164 Setrlimit;
    chroot                    161   51 Chroot;
    sync                      162   81 Syscall;
    acct                      163   89 Syscall;
    settimeofday              164  170 Syscall;
    mount                     165   40 Mount;
    umount2                   166   39 Umount2;
    swapon                    167  224 Syscall;
    swapoff                   168  225 Syscall;
    reboot                    169  142 Syscall;
    sethostname               170  161 Syscall;
    setdomainname             171  162 Syscall;
    iopl                      172    - Syscall;
    ioperm                    173    - Syscall;
    create_module             174    - Syscall;
    init_module               175  105 InitModule;
    delete_module             176  106 DeleteModule;
    get_kernel_syms           177    - Syscall;
    query_module              178    - Syscall;
    quotactl                  179   60 Quotactl;
    nfsservctl                180   42 Syscall;
    getpmsg                   181    - Syscall;
    putpmsg                   182    - Syscall;
    afs_syscall               183    - Syscall;
    tuxcall                   184    - Syscall;
    security                  185    - Syscall;
    gettid                    186  178 Syscall;
    readahead                 187  213 Syscall;
    setxattr                  188    5 Syscall;
    lsetxattr                 189    6 Syscall;
    fsetxattr                 190    7 Syscall;
    getxattr                  191    8 Syscall;
    lgetxattr                 192    9 Syscall;
    fgetxattr                 193   10 Syscall;
    listxattr                 194   11 Syscall;
    llistxattr                195   12 Syscall;
    flistxattr                196   13 Syscall;
    removexattr               197   14 Syscall;
    lremovexattr              198   15 Syscall;
    fremovexattr              199   16 Syscall;
    tkill                     200  130 Tkill;
    time                      201    - Syscall;
    futex                     202   98 Futex;
    sched_setaffinity         203  122 Syscall;
    sched_getaffinity         204  123 Syscall;
    set_thread_area           205    - Syscall;
    io_setup                  206    0 Syscall;
    io_destroy                207    1 Syscall;
    io_getevents              208    4 Syscall;
    io_submit                 209    2 Syscall;
    io_cancel                 210    3 Syscall;
    get_thread_area           211    - Syscall;
    lookup_dcookie            212   18 Syscall;
    epoll_create              213    - EpollCreate;
    epoll_ctl_old             214    - Syscall;
    epoll_wait_old            215    - Syscall;
    remap_file_pages          216  234 Syscall;
    getdents64                217   61 Getdents64;
    set_tid_address           218   96 Syscall;
    restart_syscall           219  128 Syscall;
    semtimedop                220  192 Syscall;
    fadvise64                 221  223 Syscall;
    timer_create              222  107 Syscall;
    timer_settime             223  110 Syscall;
    timer_gettime             224  108 Syscall;
    timer_getoverrun          225  109 Syscall;
    timer_delete              226  111 Syscall;
    clock_settime             227  112 Syscall;
    clock_gettime             228  113 Syscall;
    clock_getres              229  114 Syscall;
    clock_nanosleep           230  115 Syscall;
    exit_group                231   94 ExitGroup;
    epoll_wait                232    - EpollWait;
    epoll_ctl                 233   21 Syscall;
    tgkill                    234  131 Tgkill;
    utimes                    235    - Syscall;
    vserver                   236    - Syscall;
    mbind                     237  235 Syscall;
    set_mempolicy             238  237 Syscall;
    get_mempolicy             239  236 Syscall;
    mq_open                   240  180 Syscall;
    mq_unlink                 241  181 Syscall;
    mq_timedsend              242  182 Syscall;
    mq_timedreceive           243  183 Syscall;
    mq_notify                 244  184 Syscall;
    mq_getsetattr             245  185 Syscall;
    kexec_load                246  104 Syscall;
    waitid                    247   95 Syscall;
    add_key                   248  217 Syscall;
    request_key               249  218 Syscall;
    keyctl                    250  219 Keyctl;
    ioprio_set                251   30 Syscall;
    ioprio_get                252   31 Syscall;
    inotify_init              253    - InotifyInit;
    inotify_add_watch         254   27 Syscall;
    inotify_rm_watch          255   28 Syscall;
    migrate_pages             256  238 Syscall;
    openat                    257   56 Openat;
    mkdirat                   258   34 Mkdirat;
    mknodat                   259   33 Mknodat;
    fchownat                  260   54 Fchownat;
    futimesat                 261    - Syscall;
    newfstatat                262   79 Newfstatat;
    unlinkat                  263   35 Unlinkat;
    renameat                  264   38 Renameat;
    linkat                    265   37 Linkat;
    symlinkat                 266   36 Symlinkat;
    readlinkat                267   78 Syscall;
    fchmodat                  268   53 Fchmodat;
    faccessat                 269   48 Syscall;
    pselect6                  270   72 Syscall;
    ppoll                     271   73 Ppoll;
    unshare                   272   97 Unshare;
    set_robust_list           273   99 Syscall;
    get_robust_list           274  100 Syscall;
    splice                    275   76 Splice;
    tee                       276   77 Syscall;
    sync_file_range           277   84 Syscall;
    vmsplice                  278   75 Syscall;
    move_pages                279  239 Syscall;
    utimensat                 280   88 Syscall;
    epoll_pwait               281   22 Syscall;
    signalfd                  282    - Signalfd;
    timerfd_create            283   85 TimerfdCreate;
    eventfd                   284    - Eventfd;
    fallocate                 285   47 Syscall;
    timerfd_settime           286   86 Syscall;
    timerfd_gettime           287   87 Syscall;
    accept4                   288  242 Accept4;
    signalfd4                 289   74 Signalfd4;
    eventfd2                  290   19 Eventfd2;
    epoll_create1             291   20 EpollCreate1;
    dup3                      292   24 Dup3;
    pipe2                     293   59 Pipe2;
    inotify_init1             294   26 InotifyInit1;
    preadv                    295   69 Preadv;
    pwritev                   296   70 Pwritev;
    rt_tgsigqueueinfo         297  240 Syscall;
    perf_event_open           298  241 Syscall;
    recvmmsg                  299  243 Recvmmsg;
    fanotify_init             300  262 Syscall;
    fanotify_mark             301  263 Syscall;
    prlimit64                 302  261 Prlimit;
    name_to_handle_at         303  264 Syscall;
    open_by_handle_at         304  265 OpenByHandleAt;
    clock_adjtime             305  266 Syscall;
    syncfs                    306  267 Syscall;
    sendmmsg                  307  269 Sendmmsg;
    setns                     308  268 Setns;
    getcpu                    309  168 Syscall;
    process_vm_readv          310  270 ProcessVmReadv;
    process_vm_writev         311  271 ProcessVmWritev;
    kcmp                      312  272 Syscall;
    finit_module              313  273 FinitModule;
    sched_setattr             314  274 Syscall;
    sched_getattr             315  275 Syscall;
    renameat2                 316  276 Renameat2;
    seccomp                   317  277 Seccomp;
    getrandom                 318  278 Syscall;
    memfd_create              319  279 MemfdCreate;
    kexec_file_load           320  294 Syscall;
    bpf                       321  280 Bpf;
    execveat                  322  281 Execveat;
    userfaultfd               323  282 Userfaultfd;
    membarrier                324  283 Syscall;
    mlock2                    325  284 Mlock2;
    copy_file_range           326  285 CopyFileRange;
    preadv2                   327  286 Syscall;
    pwritev2                  328  287 Syscall;
    pkey_mprotect             329  288 Syscall;
    pkey_alloc                330  289 Syscall;
    pkey_free                 331  290 Syscall;
    statx                     332  291 Syscall;
    io_pgetevents             333  292 Syscall;
    rseq                      334  293 Syscall;
    uretprobe                 335    - Syscall;
    uprobe                    336    - Syscall;
    pidfd_send_signal         424  424 Syscall;
    io_uring_setup            425  425 IoUringSetup;
    io_uring_enter            426  426 IoUringEnter;
    io_uring_register         427  427 IoUringRegister;
    open_tree                 428  428 Syscall;
    move_mount                429  429 Syscall;
    fsopen                    430  430 Syscall;
    fsconfig                  431  431 Fsconfig;
    fsmount                   432  432 Syscall;
    fspick                    433  433 Syscall;
    pidfd_open                434  434 PidfdOpen;
    clone3                    435  435 Clone3;
    close_range               436  436 CloseRange;
    openat2                   437  437 Openat2;
    pidfd_getfd               438  438 PidfdGetfd;
    faccessat2                439  439 Syscall;
    process_madvise           440  440 Syscall;
    epoll_pwait2              441  441 Syscall;
    mount_setattr             442  442 Syscall;
    quotactl_fd               443  443 Syscall;
    landlock_create_ruleset   444  444 Syscall;
    landlock_add_rule         445  445 Syscall;
    landlock_restrict_self    446  446 Syscall;
    memfd_secret              447  447 Syscall;
    process_mrelease          448  448 Syscall;
    futex_waitv               449  449 Syscall;
    set_mempolicy_home_node   450  450 Syscall;
    cachestat                 451  451 Syscall;
    fchmodat2                 452  452 Fchmodat2;
    map_shadow_stack          453  453 Syscall;
    futex_wake                454  454 Syscall;
    futex_wait                455  455 Syscall;
    futex_requeue             456  456 Syscall;
    statmount                 457  457 Syscall;
    listmount                 458  458 Syscall;
    lsm_get_self_attr         459  459 Syscall;
    lsm_set_self_attr         460  460 Syscall;
    lsm_list_modules          461  461 Syscall;
    mseal                     462  462 Syscall;
    setxattrat                463  463 Syscall;
    getxattrat                464  464 Syscall;
    listxattrat               465  465 Syscall;
    removexattrat             466  466 Syscall;
    open_tree_attr            467  467 Syscall;
    file_getattr              468  468 Syscall;
    file_setattr              469  469 Syscall;
    listns                    470  470 Syscall;
    rseq_slice_yield          471  471 Syscall;
    fchroot                   472  472 Syscall;
}

/// Event of each system call by its number on this architecture;
/// [`Event::Syscall`] for numbers without a row.
pub static EVENT_BY_NUMBER: [Event; SYSCALL_MAX] = {
    let mut events = [Event::Syscall; SYSCALL_MAX];
    let mut i = 0;
    while i < SYSCALLS.len() {
        let number = SYSCALLS[i].number();
        if number != NONE {
            events[number as usize] = SYSCALLS[i].event;
        }
        i += 1;
    }
    events
};

/// Fingerprint of the numbers of both architectures and their events.
pub const DIGEST: u64 = {
    let mut hash: u64 = 0xCBF2_9CE4_8422_2325;
    let mut i = 0;
    while i < SYSCALLS.len() {
        let s = &SYSCALLS[i];
        let row = (s.x86_64 as u64) << 32 | (s.aarch64 as u64) << 16 | s.event as u64;
        hash = (hash ^ row).wrapping_mul(0x0000_0100_0000_01B3);
        i += 1;
    }
    hash
};
