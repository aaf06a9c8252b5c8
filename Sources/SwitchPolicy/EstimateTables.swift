// The tables, as data. Neither is measured level by level yet: both are drawn through the few
// figures named below, from runs of 2026-11-24 and 2026-11-25 (AMD Zen 4 and Zen 5, 2 CPUs), and are
// to be replaced by a measurement as a whole.

extension LossEstimates {
  /// A guest on KVM, where what is lost includes what is stolen.
  ///
  /// With u = steal / (1 - steal), the share of work left is (1 - steal) times
  /// - native: 1 / (1 + 19.7 u). 8 vCPUs on 2 CPUs (steal 75 %, u = 3) took 60 to 600 times fewer
  ///   locks than paravirtual; 60, the least of these, gives the factor. (Stock KVM under emulation
  ///   gave 486 times with long sections, and thousands with short ones.)
  /// - paravirtual: a line from .965 at no steal to .71 at 75 %. The first: an uncontended lock pair
  ///   took 11.5 ns instead of native's 6.1, which is 35 per mille of a load of 150 ns of work for
  ///   each pair (Zen 4: 7 per mille; kernbench in the RFC of 2020: 7 to 74). The second: against
  ///   test-and-set, 350,000 to 504,000 acquisitions/s in short sections, 36,000 - 41,000 to 52,700
  ///   in long ones.
  /// - test-and-set: .997, because an uncontended pair of such a lock (pthread_spin) took 6.5 ns
  ///   instead of 6.1. Contended locks on dedicated CPUs are not in this figure, nor is fairness in
  ///   any of them: test-and-set is a candidate only where somebody says so.
  public static let guest = LossEstimates(
    native: [0, 174, 301, 534, 718, 865, 976, 999],
    paravirtual: [35, 48, 61, 99, 162, 282, 603, 934],
    testAndSet: [3, 13, 23, 53, 103, 202, 502, 900])

  /// A program, whose threads wait for each other's CPUs rather than for a host: the work left is
  /// that of an undisturbed program on as many CPUs.
  ///
  /// - native: nothing is lost below 2 %, since an undisturbed program has a run delay of 3 to 29 ms
  ///   a second, and two threads on two CPUs did 9.3 Mops/s with either set. Four threads on two CPUs
  ///   (run delay 50 %) did .016, so from 2 % on, with u as above less what it is there, the share
  ///   left is 1 / (1 + 590 u). Eight threads: .004 - .04; 32: .011.
  /// - paravirtual: 35 at no delay, as above; then 9.3 Mops/s alone, 8.5 with 4 threads, 8.3 with 8,
  ///   8.5 with 32, which is 86 per mille at 50 % and beyond.
  /// - test-and-set: no contended figure of our own; that of a futex on the word without a queue,
  ///   which did 9.1, 8.9 and 9.2. Never a candidate unless somebody says so.
  public static let program = LossEstimates(
    native: [0, 0, 0, 949, 982, 993, 998, 1000],
    paravirtual: [35, 36, 37, 40, 45, 55, 86, 86],
    testAndSet: [3, 3, 4, 5, 7, 11, 22, 22])
}
