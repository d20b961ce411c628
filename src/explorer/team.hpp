// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace unzap::explorer {

/// Threads that do one job together, then wait for the next. The caller is worker 0.
class Team {
 public:
  explicit Team(unsigned workers) {
    for (unsigned worker = 1; worker < workers; ++worker)
      threads_.emplace_back([this, worker](const std::stop_token& stop) { serve(stop, worker); });
  }
  ~Team() {
    for (std::jthread& thread : threads_) thread.request_stop();
    announce();
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  unsigned size() const { return static_cast<unsigned>(threads_.size()) + 1; }

  /// Runs `job(worker)` on every worker and waits until all are through. All that was written before is seen
  /// in the job, and all that the job wrote is seen afterwards.
  void run(const std::function<void(unsigned)>& job) {
    if (threads_.empty()) return job(0);
    job_ = &job;
    busy_.store(static_cast<std::uint32_t>(threads_.size()), std::memory_order_relaxed);
    announce();
    job(0);
    for (std::uint32_t left = watch_a_while(busy_); left != 0; left = watch_a_while(busy_))
      busy_.wait(left, std::memory_order_acquire);
  }

 private:
  static constexpr int k_spins =
      20000;  // about 10 us: as late as the others mostly are; to sleep and be woken takes longer

  static std::uint32_t watch_a_while(const std::atomic<std::uint32_t>& busy) {
    std::uint32_t left = busy.load(std::memory_order_acquire);
    for (int spin = 0; spin < k_spins && left != 0; ++spin) left = busy.load(std::memory_order_acquire);
    return left;
  }

  void announce() {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }

  void serve(const std::stop_token& stop, unsigned worker) {
    for (std::uint32_t done = 0;; ++done) {
      for (int spin = 0; spin < k_spins && round_.load(std::memory_order_acquire) == done; ++spin) {
      }
      while (round_.load(std::memory_order_acquire) == done) round_.wait(done, std::memory_order_acquire);
      if (stop.stop_requested()) return;
      (*job_)(worker);
      if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
    }
  }

  const std::function<void(unsigned)>* job_ = nullptr;
  std::atomic<std::uint32_t> round_{0};
  std::atomic<std::uint32_t> busy_{0};
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace unzap::explorer
