// The header of Windows, without the macros that are in the way. Only for files of Windows.
#pragma once

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>
