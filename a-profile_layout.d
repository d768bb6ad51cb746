profile_layout.o: oracle/profile_layout.c oracle/profile_layout.h \
 oracle/profile_early.h include/quire/quire.h include/quire/port.h \
 core/base/types.h core/base/errno.h
oracle/profile_layout.h:
oracle/profile_early.h:
include/quire/quire.h:
include/quire/port.h:
core/base/types.h:
core/base/errno.h:
