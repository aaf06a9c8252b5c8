// The same in C++: the standard library's guards around tidelock::spinlock.
//
//     c++ -O2 counter.cc $(pkg-config --cflags --libs tidelock) -pthread -o counter
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <tidelock/tidelock.hpp>

int main() {
  const int threads = 4, rounds = 5000;
  tidelock::spinlock lock, other;
  std::map<std::string, long> table;
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; i++) {
    workers.emplace_back([&] {
      for (int round = 0; round < rounds; round++) {
        {
          std::lock_guard<tidelock::spinlock> guard(lock);
          table["tide"]++;
        }
        std::unique_lock<tidelock::spinlock> first(lock, std::defer_lock);
        std::unique_lock<tidelock::spinlock> second(other, std::defer_lock);
        std::lock(second, first);
        table["ebb"]++;
      }
    });
  }
  try {
    for (auto set : {tidelock::set::native, tidelock::set::test_and_set, tidelock::set::paravirtual}) {
      std::cout << tidelock::switch_to(set) << "\n";
    }
  } catch (const std::system_error &error) {
    std::cerr << error.what() << "\n";
    for (auto &worker : workers) worker.join();
    return 1;
  }
  for (auto &worker : workers) worker.join();
  const bool is_right = table["tide"] == threads * rounds && table["ebb"] == threads * rounds;
  return is_right && tidelock::current() == tidelock::set::paravirtual ? 0 : 1;
}
