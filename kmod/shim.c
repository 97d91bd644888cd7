// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel has only as inline functions or macros, made callable from
 * Rust. One line of logic each; whatever decides or loops is Rust.
 */
#include <linux/binfmts.h>
#include <linux/dcache.h>
#include <linux/fs_struct.h>
#include <linux/kdev_t.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/tty.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include <asm/syscall.h>

#include "shim.h"

void falco_preempt_disable(void)
{
	preempt_disable_notrace();
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

bool falco_is_subreaper(const struct task_struct *task)
{
	return task->signal->is_child_subreaper;
}
