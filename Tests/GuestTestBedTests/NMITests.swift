import Foundation
import GuestTestBed
import Testing

extension GuestTests {
  /// NMIs of the module's, with which it wakes CPUs that wait with interrupts off, beside others.
  @Suite(.serialized) struct NMIs {
    @Test("kicks leave no NMI unknown, and one of the monitor's reaches the kernel")
    func claims() async throws {
      let kernel = try GuestKernel()
      // More CPUs than any kick needs: several kick the same one.
      var machine = GuestMachine(kernel: kernel, vcpus: 4)
      machine.files = GuestSwitcher.files(try await GuestModules.build(for: kernel))
      let (_, log) = try await machine.run { shell in
        let switcher = try await GuestSwitcher.load(in: shell)
        try await switcher.limitChanges(to: .seconds(60))
        let torture = try await GuestTorture.load(in: shell)
        var load = GuestTorture.Load()
        (load.locks, load.inside, load.outside, load.interruptsOff) = (2, 200, 200, true)
        try await switcher.change(to: "paravirtual", limit: .seconds(120))
        try await torture.start(load)
        while try await kicks(switcher) < 300 {}
        #expect(try await torture.stop().exclusion == true)
        #expect(await shell.log.troubles.isEmpty)
        // Interrupts each CPU after the last kick.
        try await switcher.change(to: "native", limit: .seconds(120))
        // The next is the monitor's, to the first CPU, and nobody's.
        try await shell.injectNMI()
        try await shell.run("until [ $(dmesg | grep -c 'unknown reason') = 1 ]; do :; done")
        try await switcher.unload()
      }
      #expect(log.troubles.map(\.0) == [.unknownNMI])
    }

    /// Kicks by NMI so far.
    private func kicks(_ switcher: GuestSwitcher) async throws -> Int {
      let words = try #require(try await switcher.status["kicks"]?.split(separator: " "))
      return try #require(words.first { $0.hasPrefix("nmi=") }.flatMap { Int($0.dropFirst(4)) })
    }
  }
}
