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
        func records(of set: String) async throws -> [Record] {
          let command = "/text_pokes 'echo \(set) > /sys/kernel/tidelock/set'"
          return try await shell.run(command).split(separator: "\n").compactMap(Record.init)
        }
        let there = try await records(of: "paravirtual")
        // Slow paths go by way of the gate.
        #expect(there.count == once + 2 * count(.slowPath))
        let unlocks = there.filter { $0.before == "3e3ec6070090" }
        #expect(unlocks.count == count(.unlock))
        #expect(unlocks.allSatisfy { $0.after.hasPrefix("e8") && $0.after.hasSuffix("90") })

        try await switcher.choose(.init("stop-machine"))
        let back = try await records(of: "native")
        #expect(back.count == once + count(.slowPath))
        // What each site held is what it was told to hold before.
        let told = there.reduce(into: [:]) { $0[$1.address] = $1.after }
        let first = there.reduce(into: [:]) { $0[$1.address] = $0[$1.address] ?? $1.before }
        #expect(back.allSatisfy { $0.before == told[$0.address] && $0.after == first[$0.address] })
        try await switcher.unload()
      }
      #expect(log.troubles.isEmpty)
    }
  }
}
