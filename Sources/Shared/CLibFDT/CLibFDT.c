// Nothing but the header: the library comes from Debian's libfdt-dev, for the host and, from its
// arm64 package, for the target.
#include "CLibFDT.h"
