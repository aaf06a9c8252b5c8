import Foundation
import TestFixtures
import Testing

#if !DEBUG
  /// What locks and unlocks compile to: of interest where the compiler optimizes.
  @Suite struct MachineCode {
    /// `withLock { $0 += 1 }` in the program: one locked instruction, one branch, the store.
    @Test func lockAndUnlockAreInlineAndBare() throws {
      // Without the stubs, which may follow.
      let code = try disassembly(of: "tidelock_probe_increment")
        .prefix { !$0.contains("lea    -0x80(%rsp),%rsp") }
      #expect(code.count { $0.contains("lock cmpxchg") } == 1)
      #expect(code.count { $0.contains("rex movb $0x0,0x0(%rdi)") } == 1)
      #expect(code.count { $0.contains("lock ") } == 1)
      let calls = code.filter { $0.contains("call") }
      #expect(calls.count == 1)
      #expect(calls.allSatisfy { $0.contains("tidelock_lock_slow") })
    }

    /// The slow paths are specialised: nothing of the runtime, no witness table, no allocation.
    @Test func slowPathsCallNothingOfTheRuntime() throws {
      let program = try disassembly()
      let names = ["tidelock_core_lock_slow", "tidelock_core_unlock_slow", "CountedEntry"]
      for name in names {
        // The generic originals stay in the program beside the specialised copies; nobody calls them.
        let functions = program.filter {
          $0.key.contains(name) && ($0.key == name || $0.key.contains("UserSpacePlatform"))
        }
        #expect(!functions.isEmpty, "no function named like \(name)")
        for (function, code) in functions {
          let bad = code.filter { line in
            line.contains("call")
              && ["swift_", "Wl>", "malloc", "*%", "pthread"].contains { line.contains($0) }
          }
          #expect(bad.isEmpty, "\(function): \(bad)")
        }
      }
    }

    private func disassembly(of function: String) throws -> [String] {
      try #require(try disassembly()[function])
    }

    /// The code of each function of the probe program, by symbol.
    private func disassembly() throws -> [String: [String]] {
      let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
      let result = try runProgram(
        "objdump", ["-d", "--no-show-raw-insn", folder.appendingPathComponent("LockProbe").path])
      #expect(result.status == 0)
      var functions: [String: [String]] = [:]
      var name = ""
      for line in String(decoding: result.output, as: UTF8.self).split(separator: "\n") {
        if line.hasSuffix(">:"), let start = line.firstIndex(of: "<") {
          name = String(line[line.index(after: start)...].dropLast(2))
        } else {
          functions[name, default: []].append(String(line))
        }
      }
      return functions
    }
  }
#endif
