// How many threads are worth having.
#pragma once

namespace weightgauge {

// Processors this process may keep busy: the affinity mask, or all places of threads where these
// are bound to places; capped by the cgroup's CPU quota and the runtime's own limit of threads.
int processor_budget();

}  // namespace weightgauge
