/* bcryptprimitives.dll for Wine, which before version 9 has none: without it a Rust program ends at its start, in silence. For tests alone. */

#include <windows.h>

/* RtlGenRandom by its exported name; a LONG of length is what its header says. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    const ULONG most = 1 << 20;
    while (length > 0) {
        ULONG part = length < most ? (ULONG)length : most;
        if (!SystemFunction036(buffer, part))
            return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
