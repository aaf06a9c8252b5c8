import Foundation
import GuestTestBed
import KernelImages
import LockPlatform
import Testing

extension GuestTests {
  /// What perf is told of changed text.
  @Suite(.serialized) struct TextRecords {
    /// A change, as `text_pokes` prints it.
    private struct Record {
      let address, before, after: String

      init?(_ line: Substring) {
        let words = line.split(separator: " ").map(String.init)
        guard words.count == 3, words[0].hasPrefix("ffffffff") else { return nil }
        (address, before, after) = (words[0], words[1], words[2])
      }
    }

    /// What each site held is what it was told to hold before, and at the end what it held at first.
    private func expectARoundTrip(_ records: [Record], from first: [String: String]) {
      for (address, changes) in Dictionary(grouping: records, by: \.address) {
        #expect(
          changes.map(\.before) + [first[address]] == [first[address]] + changes.map(\.after),
          "the site at \(address)")
      }
    }

    @Test("perf is told of every change of a site, what it held and what it is to hold")
    func toldOfEveryChange() async throws {
      let kernel = try GuestKernel()
      let modules = try await GuestModules.build(for: kernel)
      let sites = try await KernelImage(path: kernel.image.path).sites
      @Sendable func count(_ operation: LockOperation) -> Int {
        sites.count { $0.operation == operation }
      }
      let once = count(.unlock) + count(.wait) + count(.kick)
      var machine = GuestMachine(kernel: kernel, vcpus: 2)
      machine.files = GuestSwitcher.files(modules)
      machine.files["text_pokes"] = modules.textPokes
      let (_, log) = try await machine.run { shell in
        let switcher = try await GuestSwitcher.load(in: shell)
        func records(_ command: String) async throws -> [Record] {
          try await shell.run("/text_pokes '\(command)'").split(separator: "\n")
            .compactMap(Record.init)
        }
        let folder = "/sys/kernel/tidelock"
        let there = try await records("echo paravirtual > \(folder)/set")
        // Slow paths go by way of the gate.
        #expect(there.count == once + 2 * count(.slowPath))
        let unlocks = there.filter { $0.before == "3e3ec6070090" }
        #expect(unlocks.count == count(.unlock))
        #expect(unlocks.allSatisfy { $0.after.hasPrefix("e8") && $0.after.hasSuffix("90") })

        try await switcher.choose(.init("stop-machine"))
        let back = try await records("echo native > \(folder)/set")
        #expect(back.count == once + count(.slowPath))
        let first = there.reduce(into: [:]) { $0[$1.address] = $0[$1.address] ?? $1.before }
        expectARoundTrip(there + back, from: first)

        // The kernel keeps records for each CPU. They come in the order of the changes all the same.
        let trip = try await records(
          """
          taskset 2 sh -c "echo paravirtual > \(folder)/set" && \
          taskset 1 sh -c "echo staged > \(folder)/protocol; echo native > \(folder)/set"
          """)
        #expect(trip.count == 2 * once + count(.slowPath) + 2 * count(.slowPath))
        expectARoundTrip(trip, from: first)
        try await switcher.unload()
      }
      #expect(log.troubles.isEmpty)
    }
  }
}
