profile.o: oracle/profile.c oracle/profile.h oracle/script.h \
 include/quire/quire.h include/quire/port.h core/base/types.h \
 core/base/errno.h port/model/model.h core/space/sched.h core/space/mm.h \
 core/swap/swap.h core/cache/pagemap.h core/base/rbtree.h \
 core/base/xarray.h core/base/list.h core/cache/lru.h \
 core/group/memcontrol.h core/slab/slab.h core/page/alloc.h \
 core/node/vmstat.h core/node/mmzone.h core/node/page.h core/base/quire.h \
 core/base/lock.h core/base/hot.h port/model/quire_hot.h core/base/bug.h \
 core/base/wait.h core/base/prng.h core/node/vmstat_items.h \
 core/page/gfp.h core/slab/sizes.h core/page/pgtable.h \
 core/slab/shrinker.h oracle/profile_boot.h oracle/profile_layout.h \
 oracle/profile_early.h include/quire/proc.h
oracle/profile.h:
oracle/script.h:
include/quire/quire.h:
include/quire/port.h:
core/base/types.h:
core/base/errno.h:
port/model/model.h:
core/space/sched.h:
core/space/mm.h:
core/swap/swap.h:
core/cache/pagemap.h:
core/base/rbtree.h:
core/base/xarray.h:
core/base/list.h:
core/cache/lru.h:
core/group/memcontrol.h:
core/slab/slab.h:
core/page/alloc.h:
core/node/vmstat.h:
core/node/mmzone.h:
core/node/page.h:
core/base/quire.h:
core/base/lock.h:
core/base/hot.h:
port/model/quire_hot.h:
core/base/bug.h:
core/base/wait.h:
core/base/prng.h:
core/node/vmstat_items.h:
core/page/gfp.h:
core/slab/sizes.h:
core/page/pgtable.h:
core/slab/shrinker.h:
oracle/profile_boot.h:
oracle/profile_layout.h:
oracle/profile_early.h:
include/quire/proc.h:
