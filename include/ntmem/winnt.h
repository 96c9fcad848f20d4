/* SPDX-License-Identifier: MIT */
/*
 * NT's own types and constants: memory, protection, exceptions, the machine.
 */
#ifndef NTMEM_WINNT_H
#define NTMEM_WINNT_H

#include "basetsd.h"

/*
 * Everything that is exported carries this; on Windows it imports from a DLL.
 */
#define DECLSPEC_IMPORT		__attribute__((visibility("default")))
#define DECLSPEC_NORETURN	__attribute__((noreturn))
#define DECLSPEC_ALIGN(bytes)	__attribute__((aligned(bytes)))
#define FORCEINLINE		static inline __attribute__((always_inline))
#define NTAPI
#define STDAPICALLTYPE
#define DUMMYUNIONNAME
#define DUMMYSTRUCTNAME

#ifndef VOID
#define VOID	void
#endif
typedef char CHAR, *PCHAR, *LPCH, *PCH;
typedef int16_t SHORT, *PSHORT;
typedef int32_t LONG, *PLONG;
typedef unsigned char UCHAR, *PUCHAR;
typedef uint16_t USHORT, *PUSHORT;
typedef uint32_t ULONG, *PULONG;
/*
 * A UTF-16 code unit, as on Windows; wchar_t of Linux has 32 bits. So literals
 * are u"..." in C11 and C++11; L"..." where all is compiled -fshort-wchar.
 */
#if __SIZEOF_WCHAR_T__ == 2
typedef wchar_t WCHAR;
#elif defined(__cplusplus)
typedef char16_t WCHAR;
#else
typedef __CHAR16_TYPE__ WCHAR;
#endif
typedef WCHAR *PWCHAR, *LPWCH, *PWCH, *LPWSTR, *PWSTR;
typedef const WCHAR *LPCWCH, *PCWCH, *LPCWSTR, *PCWSTR;
typedef char *LPSTR, *PSTR;
typedef const char *LPCSTR, *PCSTR;
__extension__ typedef long long LONGLONG, *PLONGLONG;
__extension__ typedef unsigned long long ULONGLONG, *PULONGLONG;
typedef ULONGLONG DWORDLONG, *PDWORDLONG;
typedef unsigned char BOOLEAN, *PBOOLEAN;
typedef void *PVOID;
typedef void *HANDLE, **PHANDLE;
typedef LONG HRESULT;

typedef union _LARGE_INTEGER {
	__extension__ struct {
		uint32_t LowPart;
		LONG HighPart;
	};
	struct {
		uint32_t LowPart;
		LONG HighPart;
	} u;
	LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
	__extension__ struct {
		uint32_t LowPart;
		uint32_t HighPart;
	};
	struct {
		uint32_t LowPart;
		uint32_t HighPart;
	} u;
	ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

#define MAXDWORD	0xffffffff
#define UNREFERENCED_PARAMETER(parameter)	((void)(parameter))
#define FIELD_OFFSET(type, field)	((LONG)offsetof(type, field))
#define CONTAINING_RECORD(address, type, field) \
	((type *)((char *)(address) - offsetof(type, field)))

/* ------------------------------------------------------------------------
 * Page protection: one of the first eight, with modifiers.
 */
#define PAGE_NOACCESS			0x01
#define PAGE_READONLY			0x02
#define PAGE_READWRITE			0x04
#define PAGE_WRITECOPY			0x08
#define PAGE_EXECUTE			0x10
#define PAGE_EXECUTE_READ		0x20
#define PAGE_EXECUTE_READWRITE		0x40
#define PAGE_EXECUTE_WRITECOPY		0x80
#define PAGE_GUARD			0x100
#define PAGE_NOCACHE			0x200
#define PAGE_WRITECOMBINE		0x400
#define PAGE_ENCLAVE_UNVALIDATED	0x20000000
#define PAGE_TARGETS_INVALID		0x40000000
#define PAGE_TARGETS_NO_UPDATE		0x40000000
#define PAGE_REVERT_TO_FILE_MAP		0x80000000

/* Allocation types, free types, states and types of memory. */
#define MEM_COMMIT			0x00001000
#define MEM_RESERVE			0x00002000
#define MEM_REPLACE_PLACEHOLDER		0x00004000
#define MEM_RESERVE_PLACEHOLDER		0x00040000
#define MEM_RESET			0x00080000
#define MEM_TOP_DOWN			0x00100000
#define MEM_WRITE_WATCH			0x00200000
#define MEM_PHYSICAL			0x00400000
#define MEM_ROTATE			0x00800000
#define MEM_DIFFERENT_IMAGE_BASE_OK	0x00800000
#define MEM_RESET_UNDO			0x01000000
#define MEM_LARGE_PAGES			0x20000000
#define MEM_4MB_PAGES			0x80000000
#define MEM_64K_PAGES			(MEM_LARGE_PAGES | MEM_PHYSICAL)
#define MEM_COALESCE_PLACEHOLDERS	0x00000001
#define MEM_PRESERVE_PLACEHOLDER	0x00000002
#define MEM_DECOMMIT			0x00004000
#define MEM_RELEASE			0x00008000
#define MEM_FREE			0x00010000
#define MEM_PRIVATE			0x00020000
#define MEM_MAPPED			0x00040000
#define MEM_IMAGE			0x01000000

/* GetWriteWatch's flag. */
#define WRITE_WATCH_FLAG_RESET		0x01

/* What VirtualQuery says of a run of equal pages. */
typedef struct _MEMORY_BASIC_INFORMATION {
	PVOID BaseAddress;
	PVOID AllocationBase;
	uint32_t AllocationProtect;
	uint16_t PartitionId;
	SIZE_T RegionSize;		/* bytes */
	uint32_t State;			/* MEM_COMMIT, _RESERVE or _FREE */
	uint32_t Protect;
	uint32_t Type;			/* MEM_PRIVATE, _MAPPED or _IMAGE */
} MEMORY_BASIC_INFORMATION, *PMEMORY_BASIC_INFORMATION;

/*
 * Where VirtualAlloc2 may choose a base; a member of 0 is no requirement. The
 * lowest base is a multiple of the allocation granularity; the highest address,
 * which is that of the last byte, lies above it and just before a page; the
 * alignment is a power of two, not below the granularity.
 */
typedef struct _MEM_ADDRESS_REQUIREMENTS {
	PVOID LowestStartingAddress;
	PVOID HighestEndingAddress;
	SIZE_T Alignment;		/* bytes */
} MEM_ADDRESS_REQUIREMENTS, *PMEM_ADDRESS_REQUIREMENTS;

/* Sections: kinds, and what a handle lets its holder do. */
#define SEC_HUGE_PAGES			0x00020000
#define SEC_64K_PAGES			0x00080000
#define SEC_FILE			0x00800000
#define SEC_IMAGE			0x01000000
#define SEC_PROTECTED_IMAGE		0x02000000
#define SEC_RESERVE			0x04000000
#define SEC_COMMIT			0x08000000
#define SEC_NOCACHE			0x10000000
#define SEC_IMAGE_NO_EXECUTE		(SEC_IMAGE | SEC_NOCACHE)
#define SEC_WRITECOMBINE		0x40000000
#define SEC_LARGE_PAGES			0x80000000

/* Rights to a file. */
#define FILE_READ_DATA			0x0001
#define FILE_WRITE_DATA			0x0002
#define FILE_EXECUTE			0x0020

#define SECTION_QUERY			0x0001
#define SECTION_MAP_WRITE		0x0002
#define SECTION_MAP_READ		0x0004
#define SECTION_MAP_EXECUTE		0x0008
#define SECTION_EXTEND_SIZE		0x0010
#define SECTION_MAP_EXECUTE_EXPLICIT	0x0020
#define SECTION_ALL_ACCESS		0x000f001f

/* Rights that handles of all kinds have, of processes, and of threads. */
#define DELETE				0x00010000
#define READ_CONTROL			0x00020000
#define WRITE_DAC			0x00040000
#define WRITE_OWNER			0x00080000
#define SYNCHRONIZE			0x00100000
#define STANDARD_RIGHTS_REQUIRED	0x000f0000

#define PROCESS_TERMINATE		0x0001
#define PROCESS_CREATE_THREAD		0x0002
#define PROCESS_SET_SESSIONID		0x0004
#define PROCESS_VM_OPERATION		0x0008
#define PROCESS_VM_READ			0x0010
#define PROCESS_VM_WRITE		0x0020
#define PROCESS_DUP_HANDLE		0x0040
#define PROCESS_CREATE_PROCESS		0x0080
#define PROCESS_SET_QUOTA		0x0100
#define PROCESS_SET_INFORMATION		0x0200
#define PROCESS_QUERY_INFORMATION	0x0400
#define PROCESS_SUSPEND_RESUME		0x0800
#define PROCESS_QUERY_LIMITED_INFORMATION 0x1000
#define PROCESS_SET_LIMITED_INFORMATION	0x2000
#define PROCESS_ALL_ACCESS		0x001fffff

#define THREAD_TERMINATE		0x0001
#define THREAD_SUSPEND_RESUME		0x0002
#define THREAD_GET_CONTEXT		0x0008
#define THREAD_SET_CONTEXT		0x0010
#define THREAD_SET_INFORMATION		0x0020
#define THREAD_QUERY_INFORMATION	0x0040
#define THREAD_QUERY_LIMITED_INFORMATION 0x0800
#define THREAD_ALL_ACCESS		0x001fffff

#define DUPLICATE_CLOSE_SOURCE		0x1
#define DUPLICATE_SAME_ACCESS		0x2

#define MEM_UNMAP_WITH_TRANSIENT_BOOST	0x00000001

/* Which member of a MEM_EXTENDED_PARAMETER counts. */
typedef enum MEM_EXTENDED_PARAMETER_TYPE {
	MemExtendedParameterInvalidType = 0,
	MemExtendedParameterAddressRequirements,	/* Pointer */
	MemExtendedParameterNumaNode,			/* ULong */
	MemExtendedParameterPartitionHandle,		/* Handle */
	MemExtendedParameterUserPhysicalHandle,		/* Handle */
	MemExtendedParameterAttributeFlags,		/* ULong64 */
	MemExtendedParameterImageMachine,		/* ULong */
	MemExtendedParameterMax
} MEM_EXTENDED_PARAMETER_TYPE, *PMEM_EXTENDED_PARAMETER_TYPE;

/* Attribute flags. */
#define MEM_EXTENDED_PARAMETER_GRAPHICS			0x00000001
#define MEM_EXTENDED_PARAMETER_NONPAGED			0x00000002
#define MEM_EXTENDED_PARAMETER_ZERO_PAGES_OPTIONAL	0x00000004
#define MEM_EXTENDED_PARAMETER_NONPAGED_LARGE		0x00000008
#define MEM_EXTENDED_PARAMETER_NONPAGED_HUGE		0x00000010
#define MEM_EXTENDED_PARAMETER_SOFT_FAULT_PAGES		0x00000020
#define MEM_EXTENDED_PARAMETER_EC_CODE			0x00000040
#define MEM_EXTENDED_PARAMETER_IMAGE_NO_HPAT		0x00000080

#define MEM_EXTENDED_PARAMETER_TYPE_BITS	8

/* One more thing that VirtualAlloc2 is asked for. */
typedef struct DECLSPEC_ALIGN(8) MEM_EXTENDED_PARAMETER {
	__extension__ struct {
		DWORD64 Type : MEM_EXTENDED_PARAMETER_TYPE_BITS;
		DWORD64 Reserved : 64 - MEM_EXTENDED_PARAMETER_TYPE_BITS;
	};
	__extension__ union {
		DWORD64 ULong64;
		PVOID Pointer;
		SIZE_T Size;
		HANDLE Handle;
		uint32_t ULong;
	};
} MEM_EXTENDED_PARAMETER, *PMEM_EXTENDED_PARAMETER;

/* ------------------------------------------------------------------------
 * Heaps: flags of HeapCreate and of the calls.
 */
#define HEAP_NO_SERIALIZE		0x00000001
#define HEAP_GROWABLE			0x00000002
#define HEAP_GENERATE_EXCEPTIONS	0x00000004
#define HEAP_ZERO_MEMORY		0x00000008
#define HEAP_REALLOC_IN_PLACE_ONLY	0x00000010
#define HEAP_TAIL_CHECKING_ENABLED	0x00000020
#define HEAP_FREE_CHECKING_ENABLED	0x00000040
#define HEAP_DISABLE_COALESCE_ON_FREE	0x00000080
#define HEAP_CREATE_SEGMENT_HEAP	0x00000100
#define HEAP_CREATE_HARDENED		0x00000200
#define HEAP_CREATE_ALIGN_16		0x00010000
#define HEAP_CREATE_ENABLE_TRACING	0x00020000
#define HEAP_CREATE_ENABLE_EXECUTE	0x00040000
#define HEAP_MAXIMUM_TAG		0x0FFF
#define HEAP_PSEUDO_TAG_FLAG		0x8000
#define HEAP_TAG_SHIFT			18
#define HEAP_MAKE_TAG_FLAGS(base, tag)	((uint32_t)((base) + ((tag) << 18)))

/* What HeapSetInformation sets. */
typedef enum _HEAP_INFORMATION_CLASS {
	HeapCompatibilityInformation = 0,
	HeapEnableTerminationOnCorruption = 1,
	HeapOptimizeResources = 3
} HEAP_INFORMATION_CLASS;

#define HEAP_OPTIMIZE_RESOURCES_CURRENT_VERSION	1

typedef struct _HEAP_OPTIMIZE_RESOURCES_INFORMATION {
	uint32_t Version;		/* ..._CURRENT_VERSION */
	uint32_t Flags;			/* 0 */
} HEAP_OPTIMIZE_RESOURCES_INFORMATION, *PHEAP_OPTIMIZE_RESOURCES_INFORMATION;

/* ------------------------------------------------------------------------
 * The machine, as SYSTEM_INFO tells it.
 */
#define PROCESSOR_ARCHITECTURE_AMD64	9
#define PROCESSOR_AMD_X8664		8664

/* ------------------------------------------------------------------------
 * Exceptions, and what waiting ends with.
 */
#define STATUS_WAIT_0			((uint32_t)0x00000000)
#define STATUS_TIMEOUT			((uint32_t)0x00000102)
#define STATUS_PENDING			((uint32_t)0x00000103)
#define STATUS_GUARD_PAGE_VIOLATION	((uint32_t)0x80000001)
#define STATUS_ACCESS_VIOLATION		((uint32_t)0xC0000005)
#define STATUS_NO_MEMORY		((uint32_t)0xC0000017)
#define STATUS_HEAP_CORRUPTION		((uint32_t)0xC0000374)

#define EXCEPTION_NONCONTINUABLE	0x1
#define EXCEPTION_MAXIMUM_PARAMETERS	15
#define EXCEPTION_READ_FAULT		0
#define EXCEPTION_WRITE_FAULT		1
#define EXCEPTION_EXECUTE_FAULT		8

typedef struct _EXCEPTION_RECORD {
	uint32_t ExceptionCode;
	uint32_t ExceptionFlags;
	struct _EXCEPTION_RECORD *ExceptionRecord;
	PVOID ExceptionAddress;		/* of the instruction */
	uint32_t NumberParameters;
	ULONG_PTR ExceptionInformation[EXCEPTION_MAXIMUM_PARAMETERS];
} EXCEPTION_RECORD, *PEXCEPTION_RECORD;

typedef struct DECLSPEC_ALIGN(16) _M128A {
	ULONGLONG Low;
	LONGLONG High;
} M128A, *PM128A;

typedef struct DECLSPEC_ALIGN(16) _XSAVE_FORMAT {
	uint16_t ControlWord;
	uint16_t StatusWord;
	uint8_t TagWord;
	uint8_t Reserved1;
	uint16_t ErrorOpcode;
	uint32_t ErrorOffset;
	uint16_t ErrorSelector;
	uint16_t Reserved2;
	uint32_t DataOffset;
	uint16_t DataSelector;
	uint16_t Reserved3;
	uint32_t MxCsr;
	uint32_t MxCsr_Mask;
	M128A FloatRegisters[8];
	M128A XmmRegisters[16];
	uint8_t Reserved4[96];
} XSAVE_FORMAT, *PXSAVE_FORMAT, XMM_SAVE_AREA32, *PXMM_SAVE_AREA32;

#define CONTEXT_AMD64		0x00100000
#define CONTEXT_CONTROL		(CONTEXT_AMD64 | 0x1)
#define CONTEXT_INTEGER		(CONTEXT_AMD64 | 0x2)
#define CONTEXT_SEGMENTS	(CONTEXT_AMD64 | 0x4)
#define CONTEXT_FLOATING_POINT	(CONTEXT_AMD64 | 0x8)

/*
 * The registers of a thread, laid out as on 64-bit Windows. ContextFlags says
 * what is filled: CONTEXT_CONTROL (Rip, Rsp, EFlags, SegCs, SegSs) and
 * CONTEXT_INTEGER; the rest is zero. Segment registers, and the bits of EFlags
 * that a user may not set, cannot be changed.
 */
typedef struct DECLSPEC_ALIGN(16) _CONTEXT {
	DWORD64 P1Home;
	DWORD64 P2Home;
	DWORD64 P3Home;
	DWORD64 P4Home;
	DWORD64 P5Home;
	DWORD64 P6Home;
	uint32_t ContextFlags;
	uint32_t MxCsr;
	uint16_t SegCs;
	uint16_t SegDs;
	uint16_t SegEs;
	uint16_t SegFs;
	uint16_t SegGs;
	uint16_t SegSs;
	uint32_t EFlags;
	DWORD64 Dr0;
	DWORD64 Dr1;
	DWORD64 Dr2;
	DWORD64 Dr3;
	DWORD64 Dr6;
	DWORD64 Dr7;
	DWORD64 Rax;
	DWORD64 Rcx;
	DWORD64 Rdx;
	DWORD64 Rbx;
	DWORD64 Rsp;
	DWORD64 Rbp;
	DWORD64 Rsi;
	DWORD64 Rdi;
	DWORD64 R8;
	DWORD64 R9;
	DWORD64 R10;
	DWORD64 R11;
	DWORD64 R12;
	DWORD64 R13;
	DWORD64 R14;
	DWORD64 R15;
	DWORD64 Rip;
	XMM_SAVE_AREA32 FltSave;
	M128A VectorRegister[26];
	DWORD64 VectorControl;
	DWORD64 DebugControl;
	DWORD64 LastBranchToRip;
	DWORD64 LastBranchFromRip;
	DWORD64 LastExceptionToRip;
	DWORD64 LastExceptionFromRip;
} CONTEXT, *PCONTEXT;

typedef struct _EXCEPTION_POINTERS {
	PEXCEPTION_RECORD ExceptionRecord;
	PCONTEXT ContextRecord;
} EXCEPTION_POINTERS, *PEXCEPTION_POINTERS;

/* Returns EXCEPTION_CONTINUE_EXECUTION or EXCEPTION_CONTINUE_SEARCH. */
typedef LONG (NTAPI *PVECTORED_EXCEPTION_HANDLER)(EXCEPTION_POINTERS *);

#endif
