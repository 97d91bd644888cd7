// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel has only as inline functions or macros, made callable from
 * Rust. Little logic each; whatever decides or loops is Rust.
 */
#include <linux/binfmts.h>
#include <linux/dcache.h>
#include <linux/fs_struct.h>
#include <linux/ipv6.h>
#include <linux/kdev_t.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/tty.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include <asm/syscall.h>
#include <asm/word-at-a-time.h>

#include "shim.h"

/* Turns preemption off; the CPU that we then stay on. */
unsigned int falco_preempt_disable(void)
{
	preempt_disable_notrace();
	return raw_smp_processor_id();
}

void falco_preempt_enable(void)
{
	preempt_enable_notrace();
}

void falco_tracepoint_synchronize(void)
{
	tracepoint_synchronize_unregister();
}

bool falco_tracepoint_is_faultable(struct tracepoint *tp)
{
	return tracepoint_is_faultable(tp);
}

void *falco_map_pages(struct page **pages, unsigned int count)
{
	return vmap(pages, count, VM_MAP, PAGE_KERNEL);
}

void falco_unmap_pages(const void *start)
{
	vunmap(start);
}

bool falco_compat_syscall(void)
{
	return in_compat_syscall();
}

int falco_syscall_number(struct pt_regs *regs)
{
	return syscall_get_nr(current, regs);
}

void falco_syscall_arguments(struct pt_regs *regs, unsigned long *args)
{
	syscall_get_arguments(current, regs, args);
}

bool falco_cwd(struct path *pwd)
{
	if (!current->fs)
		return false;
	get_fs_pwd(current->fs, pwd);
	return true;
}

const struct path *falco_file_path(const struct file *file)
{
	return &file->f_path;
}

const char *falco_bprm_filename(const struct linux_binprm *bprm)
{
	return bprm->filename;
}

unsigned long falco_mm_rss(struct mm_struct *mm)
{
	return get_mm_rss(mm);
}

unsigned long falco_mm_swap(struct mm_struct *mm)
{
	return get_mm_counter(mm, MM_SWAPENTS);
}

/*
 * Paths by names, under RCU. An entry has room for 40 bytes of its name; see
 * walk.rs.
 */
u32 falco_rename_begin(void)
{
	return read_seqbegin(&rename_lock);
}

bool falco_rename_retry(u32 sequence)
{
	return read_seqretry(&rename_lock, sequence);
}

/* The entry of a path on the mount that is the task's root; else nothing. */
const struct dentry *falco_path_below_root(const struct path *path)
{
	struct path root;
	unsigned int seq;

	if (!current->fs || d_unlinked(path->dentry))
		return NULL;
	do {
		seq = read_seqbegin(&current->fs->seq);
		root = current->fs->root;
	} while (read_seqretry(&current->fs->seq, seq));
	if (path->mnt != root.mnt || root.dentry != root.mnt->mnt_root)
		return NULL;
	return path->dentry;
}

/* The name of an entry, if it is not the root of its file system. */
const unsigned long *falco_entry_name(const struct dentry *entry, u32 *len)
{
	if (IS_ROOT(entry))
		return NULL;
	*len = READ_ONCE(entry->d_name.len);
	if (READ_ONCE(entry->d_name.name) != entry->d_shortname.string)
		*len = 0;
	return (const unsigned long *)entry->d_shortname.string;
}

/* The entry above. */
const struct dentry *falco_entry_parent(const struct dentry *entry)
{
	return READ_ONCE(entry->d_parent);
}

/*
 * Where in an overlay a file is: 1 above, 2 below, 0 elsewhere or unknown. The
 * overlay's own inode has the entry above right behind the part that all inodes
 * have. That is private to it, so it counts only if the kernel's own answer is
 * the same entry.
 */
int falco_overlay_layer(const struct file *file)
{
	const struct inode *inode = file_inode(file);
	struct dentry *entry = file->f_path.dentry;
	struct dentry *upper;

	if (inode->i_sb->s_magic != OVERLAYFS_SUPER_MAGIC || !S_ISREG(inode->i_mode))
		return 0;
	upper = READ_ONCE(*(struct dentry **)(inode + 1));
	if (!upper)
		return 2;
	return d_real(entry, D_REAL_METADATA) == upper ? 1 : 0;
}

/* Up to this many bytes a loop over words is cheaper than the general copy. */
#define WORDWISE 256

/* The bytes from `at` on, as many as the type has. */
#define COPY_AT(type, at)                                                          \
	unsafe_get_user(*(type *)(to + (at)), (const type __user *)(from + (at)), fault)

/* Copies from user memory into a buffer of ours, without the look at the buffer. */
unsigned long falco_copy_from_user(void *to, const void __user *from, unsigned long len)
{
	unsigned long done = 0;

	might_fault();
	if (len <= WORDWISE && user_read_access_begin(from, len)) {
		for (; done + 4 * sizeof(u64) <= len; done += 4 * sizeof(u64)) {
			COPY_AT(u64, done);
			COPY_AT(u64, done + sizeof(u64));
			COPY_AT(u64, done + 2 * sizeof(u64));
			COPY_AT(u64, done + 3 * sizeof(u64));
		}
		for (; done + sizeof(u64) <= len; done += sizeof(u64))
			COPY_AT(u64, done);
		for (; done < len; done++)
			COPY_AT(u8, done);
		user_read_access_end();
		return 0;
fault:
		user_read_access_end();
	}
	if (unlikely(!access_ok(from, len)))
		return len;
	barrier_nospec();
	return raw_copy_from_user(to, from, len);
}

/*
 * Copies a string, word by word: its length, `room` if it has no NUL by then, or an
 * error. What lies behind its NUL in the same word is copied too. Where a word
 * cannot be read the bytes before may be, which the kernel's own function sees to.
 */
long falco_string_from_user(char *to, const char __user *from, unsigned long room)
{
	const struct word_at_a_time constants = WORD_AT_A_TIME_CONSTANTS;
	unsigned long word, bits, done;

	might_fault();
	if (!user_read_access_begin(from, room))
		goto bytes;
	for (done = 0; done + sizeof(word) <= room; done += sizeof(word)) {
		unsafe_get_user(word, (const unsigned long __user *)(from + done), fault);
		*(unsigned long *)(to + done) = word;
		if (has_zero(word, &bits, &constants)) {
			user_read_access_end();
			bits = prep_zero_mask(word, bits, &constants);
			return done + find_zero(create_zero_mask(bits));
		}
	}
fault:
	user_read_access_end();
bytes:
	return strncpy_from_user(to, from, room);
}

struct socket *falco_socket_of(struct file *file)
{
	return sock_from_file(file);
}

/*
 * Both ends of an internet socket, ports in the host's order; the family, or 0
 * for another one.
 */
u16 falco_inet_ends(const struct socket *sock, struct falco_ends *ends)
{
	const struct sock *sk = sock->sk;
	const struct inet_sock *inet = inet_sk(sk);
	u16 family = READ_ONCE(sk->sk_family);

	if (family == AF_INET) {
		__be32 bound = inet->inet_rcv_saddr ?: inet->inet_saddr;

		memcpy(ends->local, &bound, 4);
		memcpy(ends->remote, &inet->inet_daddr, 4);
#if IS_ENABLED(CONFIG_IPV6)
	} else if (family == AF_INET6) {
		const struct in6_addr *bound = &sk->sk_v6_rcv_saddr;

		if (ipv6_addr_any(bound) && inet6_sk(sk))
			bound = &inet6_sk(sk)->saddr;
		memcpy(ends->local, bound, 16);
		memcpy(ends->remote, &sk->sk_v6_daddr, 16);
#endif
	} else {
		return 0;
	}
	ends->local_port = ntohs(inet->inet_sport);
	ends->remote_port = ntohs(inet->inet_dport);
	return family;
}

/* Device number of the calling task's terminal, 0 without one. */
u32 falco_tty(void)
{
	unsigned long flags;
	u32 device = 0;

	spin_lock_irqsave(&current->sighand->siglock, flags);
	if (current->signal->tty)
		device = new_encode_dev(tty_devnum(current->signal->tty));
	spin_unlock_irqrestore(&current->sighand->siglock, flags);
	return device;
}

u32 falco_encode_dev(dev_t device)
{
	return new_encode_dev(device);
}

void falco_accept_queue(const struct socket *sock, u32 *len, u32 *max)
{
	*len = READ_ONCE(sock->sk->sk_ack_backlog);
	*max = READ_ONCE(sock->sk->sk_max_ack_backlog);
}

u16 falco_socket_protocol(const struct socket *sock)
{
	return READ_ONCE(sock->sk->sk_protocol);
}

bool falco_socket_connected(const struct socket *sock)
{
	return READ_ONCE(sock->sk->sk_state) == TCP_ESTABLISHED;
}

u64 falco_inode_ctime(const struct inode *inode)
{
	return timespec64_to_ns(&(struct timespec64){ inode_get_ctime_sec(inode),
						      inode_get_ctime_nsec(inode) });
}

u64 falco_inode_mtime(const struct inode *inode)
{
	return timespec64_to_ns(&(struct timespec64){ inode_get_mtime_sec(inode),
						      inode_get_mtime_nsec(inode) });
}

/* Whether the calling task may write to the file, or make it writable. */
bool falco_file_writable(struct file *file)
{
	return !inode_permission(file_mnt_idmap(file), file_inode(file), MAY_WRITE) ||
	       inode_owner_or_capable(file_mnt_idmap(file), file_inode(file));
}

/* Whether the file has no name in any file system but was made by memfd_create. */
bool falco_file_is_memfd(const struct file *file)
{
	const struct dentry *dentry = file->f_path.dentry;

	return IS_ROOT(dentry) && str_has_prefix(dentry->d_name.name, "memfd:");
}

unsigned long falco_instruction_pointer(struct pt_regs *regs)
{
	return instruction_pointer(regs);
}

bool falco_is_subreaper(const struct task_struct *task)
{
	return task->signal->is_child_subreaper;
}

/* Who sent a signal, as the receiver sees it; 0 for the kernel. */
int falco_signal_sender(const struct kernel_siginfo *info)
{
	/* 0 and 1 stand for signals of which nothing more is known. */
	if ((unsigned long)info <= 1)
		return 0;
	return info->si_code <= 0 || info->si_signo == SIGCHLD ? info->si_pid : 0;
}
