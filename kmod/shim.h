/* SPDX-License-Identifier: GPL-2.0-only */
/* The declarations of shim.c; Rust's are in shim.rs. */
#ifndef FALCO_SHIM_H
#define FALCO_SHIM_H

#include <linux/types.h>

struct dentry;
struct file;
struct inode;
struct kernel_siginfo;
struct linux_binprm;
struct mm_struct;
struct page;
struct path;
struct pt_regs;
struct socket;
struct task_struct;
struct tracepoint;

/* Ends of an internet socket; `Ends` in shim.rs. */
struct falco_ends {
	u16 local_port;
	u16 remote_port;
	u8 local[16];
	u8 remote[16];
};

unsigned int falco_preempt_disable(void);
void falco_preempt_enable(void);
void falco_tracepoint_synchronize(void);
bool falco_tracepoint_is_faultable(struct tracepoint *tp);
void *falco_map_pages(struct page **pages, unsigned int count);
void falco_unmap_pages(const void *start);
bool falco_compat_syscall(void);
int falco_syscall_number(struct pt_regs *regs);
void falco_syscall_arguments(struct pt_regs *regs, unsigned long *args);
bool falco_cwd(struct path *pwd);
const struct path *falco_file_path(const struct file *file);
const char *falco_bprm_filename(const struct linux_binprm *bprm);
unsigned long falco_mm_rss(struct mm_struct *mm);
unsigned long falco_mm_swap(struct mm_struct *mm);
u32 falco_rename_begin(void);
bool falco_rename_retry(u32 sequence);
const struct dentry *falco_path_below_root(const struct path *path);
const unsigned long *falco_entry_name(const struct dentry *entry, u32 *len);
const struct dentry *falco_entry_parent(const struct dentry *entry);
int falco_overlay_layer(const struct file *file);
unsigned long falco_copy_from_user(void *to, const void __user *from, unsigned long len);
long falco_string_from_user(char *to, const char __user *from, unsigned long room);
struct socket *falco_socket_of(struct file *file);
u16 falco_inet_ends(const struct socket *sock, struct falco_ends *ends);
u32 falco_tty(void);
u32 falco_encode_dev(dev_t device);
void falco_accept_queue(const struct socket *sock, u32 *len, u32 *max);
u16 falco_socket_protocol(const struct socket *sock);
bool falco_socket_connected(const struct socket *sock);
u64 falco_inode_ctime(const struct inode *inode);
u64 falco_inode_mtime(const struct inode *inode);
bool falco_file_writable(struct file *file);
bool falco_file_is_memfd(const struct file *file);
unsigned long falco_instruction_pointer(struct pt_regs *regs);
bool falco_is_subreaper(const struct task_struct *task);
int falco_signal_sender(const struct kernel_siginfo *info);

#endif
