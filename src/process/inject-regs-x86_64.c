/* SPDX-License-Identifier: MIT */
/*
 * inject-regs-x86_64.c: see inject-regs.h.
 *
 * The frame is what the kernel itself puts on a stack for a signal handler (struct rt_sigframe of
 * arch/x86/include/asm/sigframe.h): return address, ucontext, siginfo, and the XSAVE area that ucontext
 * points to, which has its size and a magic number in bytes that the processor leaves to software, and
 * another magic number behind it. The alternate stack in it is one that the kernel refuses to set, so that
 * the thread's stays.
 *
 * A system call that the stop has interrupted is made anew by stepping back over the instruction, as the
 * kernel does it: with the number again, or for calls with a relative time as restart_syscall, which
 * knows how much is left. rt_sigreturn forgets that, so that a thread whose tool was killed meanwhile gets
 * EINTR from those. Calls that are never restarted though no handler ran (epoll_wait and others, see
 * signal(7)) begin again as well, unless there is a signal to handle.
 */
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "base/macro.h"
#include "process/inject-regs.h"

enum {
	CS_64 = 0x33,
	EFLAGS_PLAIN = 0x202,
	SYSCALL_LENGTH = 2,
	ERESTARTSYS_K = 512,
	ERESTARTNOINTR_K = 513,
	ERESTARTNOHAND_K = 514,
	ERESTART_RESTARTBLOCK_K = 516,
	XSAVE_LEGACY = 512,
	XSAVE_SOFTWARE = 464, /* bytes for software in the legacy area */
	XSAVE_HEADER = 64,
	XSAVE_AMX = 3 << 17,
	FP_MAGIC1 = 0x46505853,
	FP_MAGIC2 = 0x46505845,
	UC_FLAGS = 1 | 2 | 4, /* UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS */
	MXCSR_PLAIN = 0x1f80,
	FCW_PLAIN = 0x37f,
	FP_ALIGN = 64,
};

struct frame {
	uint64_t return_address;
	uint64_t flags, link;
	uint64_t stack[3];
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate;
	uint64_t reserved[8];
	uint64_t signal_mask;
	uint8_t siginfo[128];
};
assert_offset(struct frame, r8, 48);
assert_offset(struct frame, signal_mask, 304);

struct fp_software {
	uint32_t magic1;
	uint32_t extended_size;
	uint64_t features;
	uint32_t size;
	uint32_t padding[7];
};

static struct user_regs_struct *general(const struct regs *regs)
{
	return (struct user_regs_struct *)regs->general;
}

bool regs_find_gadgets(const uint8_t *code, size_t size, uint64_t address, uint64_t *ret_syscall,
		       uint64_t *ret_sigreturn)
{
	static const uint8_t call[] = {0x0f, 0x05, 0xc3};
	static const uint8_t end_long[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
	static const uint8_t end_short[] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};
	const uint8_t *found;

	if (!*ret_syscall) {
		found = memmem(code, size, call, sizeof(call));
		if (found)
			*ret_syscall = address + (uint64_t)(found - code);
	}
	if (!*ret_sigreturn) {
		found = memmem(code, size, end_long, sizeof(end_long));
		if (!found)
			found = memmem(code, size, end_short, sizeof(end_short));
		if (found)
			*ret_sigreturn = address + (uint64_t)(found - code);
	}
	return *ret_syscall && *ret_sigreturn;
}

/* Bytes of the XSAVE area up to the last component that the thread can have in a signal frame. */
static size_t fp_size(const struct regs *regs)
{
	uint64_t enabled, used;
	size_t size = XSAVE_LEGACY + XSAVE_HEADER;

	memcpy(&enabled, regs->fp + XSAVE_SOFTWARE, sizeof(enabled));
	memcpy(&used, regs->fp + XSAVE_LEGACY, sizeof(used));
	for (unsigned i = 2; i < 63; i++) {
		unsigned a, b, c, d;

		/* what a thread has to ask for is not there unless it has been used */
		if (!(enabled >> i & 1) || (1ull << i & XSAVE_AMX & ~used))
			continue;
		__cpuid_count(0xd, i, a, b, c, d);
		size = MAX(size, (size_t)b + a);
	}
	return MIN(size, regs->fp_size);
}

int regs_save(pid_t tid, struct regs *ret)
{
	struct iovec vector = {ret->general, sizeof(ret->general)};

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &vector) < 0)
		return -errno;
	ret->general_size = vector.iov_len;
	if (vector.iov_len != sizeof(struct user_regs_struct) || general(ret)->cs != CS_64)
		return -ENOTSUP;
	vector = (struct iovec){ret->fp, sizeof(ret->fp)};
	if (ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &vector) < 0)
		return -errno;
	ret->fp_size = vector.iov_len;
	if (ptrace(PTRACE_GETSIGMASK, tid, sizeof(ret->signal_mask), &ret->signal_mask) < 0)
		return -errno;
	return 0;
}

/* Calls that the kernel ends with EINTR though no handler has run. */
static bool begins_again(uint64_t number)
{
	static const uint16_t numbers[] = {
		SYS_epoll_wait,   SYS_epoll_pwait,   SYS_epoll_pwait2, SYS_rt_sigtimedwait,
		SYS_semop,        SYS_semtimedop,    SYS_msgrcv,       SYS_msgsnd,
		SYS_io_getevents, SYS_io_pgetevents,
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

void regs_restart_syscall(struct regs *regs, bool pending)
{
	struct user_regs_struct *r = general(regs);
	uint64_t number = r->orig_rax;

	r->orig_rax = UINT64_MAX;
	if ((int64_t)number < 0)
		return;
	switch (-(int64_t)r->rax) {
	case ERESTARTSYS_K:
	case ERESTARTNOINTR_K:
	case ERESTARTNOHAND_K:
		r->rax = number;
		break;
	case ERESTART_RESTARTBLOCK_K:
		r->rax = SYS_restart_syscall;
		break;
	case EINTR:
		if (pending || !begins_again(number))
			return;
		r->rax = number;
		break;
	default:
		return;
	}
	r->rip -= SYSCALL_LENGTH;
}

static int set_general(pid_t tid, const struct user_regs_struct *r)
{
	struct iovec vector = {(void *)r, sizeof(*r)};

	return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &vector) < 0 ? -errno : 0;
}

int regs_restore(pid_t tid, const struct regs *regs)
{
	struct iovec vector = {(void *)regs->fp, regs->fp_size};

	/* the registers last: until then the frame does all this on its own */
	if (ptrace(PTRACE_SETREGSET, tid, NT_X86_XSTATE, &vector) < 0 ||
	    ptrace(PTRACE_SETSIGMASK, tid, sizeof(regs->signal_mask), &regs->signal_mask) < 0)
		return -errno;
	return set_general(tid, general(regs));
}

long regs_syscall(const struct regs *regs)
{
	int64_t number = (int64_t)general(regs)->orig_rax;

	return number < 0 ? -1 : (long)number;
}

uint64_t regs_sp(const struct regs *regs)
{
	return general(regs)->rsp;
}

uint64_t regs_pc(const struct regs *regs)
{
	return general(regs)->rip;
}

void regs_set_pc(struct regs *regs, uint64_t pc)
{
	general(regs)->rip = pc;
}

uint64_t regs_thread_pointer(const struct regs *regs)
{
	return general(regs)->fs_base;
}

size_t regs_frame_size(const struct regs *regs)
{
	return sizeof(struct frame) + fp_size(regs) + sizeof(uint32_t) + 2 * (size_t)FP_ALIGN;
}

static void fill_frame(const struct user_regs_struct *r, struct frame *frame)
{
	frame->r8 = r->r8;
	frame->r9 = r->r9;
	frame->r10 = r->r10;
	frame->r11 = r->r11;
	frame->r12 = r->r12;
	frame->r13 = r->r13;
	frame->r14 = r->r14;
	frame->r15 = r->r15;
	frame->rdi = r->rdi;
	frame->rsi = r->rsi;
	frame->rbp = r->rbp;
	frame->rbx = r->rbx;
	frame->rdx = r->rdx;
	frame->rax = r->rax;
	frame->rcx = r->rcx;
	frame->rsp = r->rsp;
	frame->rip = r->rip;
	frame->eflags = r->eflags;
	frame->cs = (uint16_t)r->cs;
	frame->ss = (uint16_t)r->ss;
}

uint64_t regs_make_frame(const struct regs *regs, uint64_t top, uint64_t sigreturn, void *buffer)
{
	size_t fp = fp_size(regs);
	uint64_t fp_at = ALIGN_DOWN(top - fp - sizeof(uint32_t), (uint64_t)FP_ALIGN);
	uint64_t at = ALIGN_DOWN(fp_at - sizeof(struct frame), 16) - 8;
	uint8_t *fp_bytes = (uint8_t *)buffer + (fp_at - at);
	struct fp_software software = {
		FP_MAGIC1, (uint32_t)(fp + sizeof(uint32_t)), 0, (uint32_t)fp, {}};
	struct frame *frame = buffer;
	uint32_t magic2 = FP_MAGIC2;

	memset(frame, 0, sizeof(*frame));
	fill_frame(general(regs), frame);
	frame->return_address = sigreturn;
	frame->flags = UC_FLAGS;
	frame->fpstate = fp_at;
	frame->signal_mask = regs->signal_mask;
	memcpy(&software.features, regs->fp + XSAVE_SOFTWARE, sizeof(software.features));
	memcpy(fp_bytes, regs->fp, fp);
	memcpy(fp_bytes + XSAVE_SOFTWARE, &software, sizeof(software));
	memcpy(fp_bytes + fp, &magic2, sizeof(magic2));
	return at;
}

/* Every one that the kernel makes has few flags, no link, and the code segment of user space. */
bool regs_may_be_frame(const uint64_t *words, size_t n)
{
	enum { FLAGS_MAX = 15, CS_MASK = 0xfff }; /* Xen's is 0xe033 */
	const size_t cs = offsetof(struct frame, cs) / sizeof(*words);

	_Static_assert(offsetof(struct frame, cs) / sizeof(*words) < REGS_FRAME_WORDS, "");
	return n > cs && words[1] <= FLAGS_MAX && !words[2] && (words[cs] & CS_MASK) == CS_64;
}

int regs_send_to_syscall(pid_t tid, const struct regs *regs, uint64_t gadget, uint64_t sp,
			 long number, const uint64_t arguments[6])
{
	struct user_regs_struct r = *general(regs);

	r.orig_rax = UINT64_MAX;
	r.rax = (uint64_t)number;
	r.rdi = arguments[0];
	r.rsi = arguments[1];
	r.rdx = arguments[2];
	r.r10 = arguments[3];
	r.r8 = arguments[4];
	r.r9 = arguments[5];
	r.rip = gadget;
	r.rsp = sp;
	r.eflags = EFLAGS_PLAIN;
	return set_general(tid, &r);
}

int regs_send_to_function(pid_t tid, const struct regs *regs, uint64_t function, uint64_t sp)
{
	struct user_regs_struct r = *general(regs);

	r.orig_rax = UINT64_MAX;
	r.rax = 0;
	r.rbp = 0;
	r.rip = function;
	r.rsp = sp;
	r.eflags = EFLAGS_PLAIN;
	return set_general(tid, &r);
}

int regs_clean_fp(pid_t tid, const struct regs *regs)
{
	struct iovec vector;
	_Alignas(64) uint8_t fp[REGS_FP_MAX];
	uint32_t mxcsr = MXCSR_PLAIN;
	uint16_t fcw = FCW_PLAIN;
	uint64_t used;

	memcpy(fp, regs->fp, regs->fp_size);
	memset(fp, 0, 24);
	memcpy(fp, &fcw, sizeof(fcw));
	memcpy(fp + 24, &mxcsr, sizeof(mxcsr));
	memcpy(&used, fp + XSAVE_LEGACY, sizeof(used));
	used |= 3;
	memcpy(fp + XSAVE_LEGACY, &used, sizeof(used));
	vector = (struct iovec){fp, regs->fp_size};
	return ptrace(PTRACE_SETREGSET, tid, NT_X86_XSTATE, &vector) < 0 ? -errno : 0;
}

void regs_make_park(uint64_t at, uint8_t ret[REGS_PARK_SIZE])
{
	/* xor %edi, %edi; mov $SYS_exit, %eax; syscall; ud2 */
	static const uint8_t code[] = {0x31, 0xff, 0xb8, SYS_exit, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x0b};

	at += REGS_PARK_CODE;
	memset(ret, 0, REGS_PARK_SIZE);
	memcpy(ret, &at, sizeof(at));
	memcpy(ret + REGS_PARK_CODE, code, sizeof(code));
}

void regs_clone_arguments(uint64_t flags, uint64_t stack, uint64_t tls, uint64_t ret[6])
{
	ret[0] = flags;
	ret[1] = stack;
	ret[2] = ret[3] = ret[5] = 0;
	ret[4] = tls;
}

int regs_result(pid_t tid, int64_t *ret)
{
	struct user_regs_struct r;
	struct iovec vector = {&r, sizeof(r)};

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &vector) < 0)
		return -errno;
	*ret = (int64_t)r.rax;
	return 0;
}
