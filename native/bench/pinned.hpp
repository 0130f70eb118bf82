// Keeps other work off a burst that is timed.
#pragma once

#include <pthread.h>
#include <sched.h>

namespace kimera::bench {

// Alone on its core for the burst, where the system lets us; undone when it ends.
class Pinned {
 public:
  explicit Pinned(unsigned core) noexcept {
    pthread_getaffinity_np(pthread_self(), sizeof(before_), &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
    sched_param first{};
    first.sched_priority = 10;
    fifo_ = pthread_setschedparam(pthread_self(), SCHED_FIFO, &first) == 0;
  }
  ~Pinned() {
    if (fifo_) {
      const sched_param none{};
      pthread_setschedparam(pthread_self(), SCHED_OTHER, &none);
    }
    pthread_setaffinity_np(pthread_self(), sizeof(before_), &before_);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  cpu_set_t before_{};
  bool fifo_ = false;
};

}  // namespace kimera::bench
