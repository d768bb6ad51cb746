profile_early.o: oracle/profile_early.c oracle/profile_early.h \
 include/quire/quire.h include/quire/port.h core/base/types.h \
 core/base/errno.h
oracle/profile_early.h:
include/quire/quire.h:
include/quire/port.h:
core/base/types.h:
core/base/errno.h:
