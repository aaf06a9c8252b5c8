import LockHarness
import TestShims
import Testing
import Tidelock

extension Library {
  /// What the compiler makes of a lock.
  @Suite struct MachineCode {
    static let disassembly = Disassembly()

    /// Lock and unlock inline: two looks, a compare-exchange of a byte, two branches that are not taken,
    /// what is guarded, and the site, which has a jump to its stub in the file and one store in native.
    ///
    /// Of a debug build it is not promised, as nothing else here about what is inlined in a program.
    @Test(
      .enabled(if: test_is_optimized(), "needs an optimised build"),
      arguments: ["tidelock_subject_with_lock", "tidelock_subject_spinlock"])
    func fastPath(function: String) throws {
      let code = try #require(Self.disassembly?.functions[function])
      let end = try #require(code.firstIndex { $0.isReturn })
      // Straight on from the entry to the return.
      let path = code[...end]
      let exchange = try #require(path.firstIndex { $0.isLockedCompareExchange })
      #expect(path[exchange + 1].isBranch, "\(path.map(\.text))")
      #expect(path.count { $0.isBranch } == 2, "\(path.map(\.text))")
      #expect(path.count { $0.bytes.first == 0xf0 } == 1, "\(path.map(\.text))")
      #expect(!path.contains { $0.isCall || ($0.isJump && !isSite($0)) }, "\(path.map(\.text))")
      let unlock = path.indices.filter { isSite(path[$0]) }
      #expect(unlock.count == 1 && (unlock.first ?? 0) > exchange, "\(path.map(\.text))")
      // The way back from the slow path meets the same site, so there is one.
      #expect(code.count(where: isSite) == 1)
      let called = code.filter { !isSite($0) }.compactMap(\.target)
      #expect(Set(called) == ["tidelock_lock_slow"])
    }

    /// Behind the entries of the core there is no generic code left: nothing is called through a
    /// witness table, nothing asks for metadata, nothing is allocated or counted; except that the
    /// switching thread, in a handler at the gate that finishes its patching, counts arrays that it
    /// keeps.
    ///
    /// In a debug build too: a handler must not come to the locks of the Swift runtime.
    @Test(arguments: [
      (entry: "tidelock_core_lock_slow", reaches: "ParavirtualQueue", calls: []),
      (entry: "tidelock_core_unlock_slow", reaches: "ParavirtualQueue", calls: []),
      (
        entry: "tidelock_core_trap", reaches: "ParavirtualQueue",
        // Of `tidelock_trap_chain`.
        calls: ["pthread_sigmask", "sigaction", "raise", "memcpy", "memset"]
      ),
      (entry: "tidelock_core_gather", reaches: "follow", calls: []),
      (entry: "tidelock_core_detach", reaches: "TextWindows", calls: []),
    ])
    func coreIsSpecialized(entry: String, reaches: String, calls: [String]) throws {
      let functions = try #require(Self.disassembly).functions
      var reached: Set<String> = []
      var open = [entry]
      var outside: Set<String> = []
      while let name = open.popLast() {
        guard reached.insert(name).inserted else { continue }
        guard let code = functions[name], !name.hasSuffix("@plt") else {
          outside.insert(name)
          continue
        }
        let finishesPatching = name.contains("StopMachineWork")
        // The handler before ours, if a breakpoint is not ours.
        let indirect =
          name == "tidelock_trap_chain"
          ? []
          : code.indices.filter { code[$0].isIndirect && !isTableJump(code, $0) }.map { code[$0] }
        #expect(indirect.isEmpty, "\(name): \(indirect.map(\.text))")
        open += code.compactMap(\.target).filter {
          !(finishesPatching && ["swift_retain@plt", "swift_release@plt"].contains($0))
        }
      }
      #expect(reached.contains { $0.contains(reaches) }, "\(reached)")
      let allowed = (["clock_gettime", "pthread_setspecific", "__stack_chk_fail"] + calls)
        .map { $0 + "@plt" }
      #expect(outside.subtracting(allowed).isEmpty, "calls out of the core: \(outside)")
    }

    /// The table has every site and nothing else, and one store can change each.
    @Test(.enabled(if: test_is_optimized(), "needs an optimised build"))
    func tableIsComplete() throws {
      let found = try #require(Self.disassembly).functions.values.flatMap { code in
        code.indices.filter { isSite(code[$0]) && !isPadding(code, $0) }.map { code[$0].address }
      }
      // The file's addresses are relative to where it is loaded.
      let base = try #require(programBase)
      let table = (0..<test_site_count()).map { test_site_address($0) - base }
      #expect(found.count > 10)
      #expect(table.sorted() == found.sorted())
      #expect(table.allSatisfy { $0 % 8 <= 3 })
    }
  }
}

/// Whether it only leads over the `nop`s in front of an aligned function, as assemblers fill such a gap; what
/// is behind a site goes on.
private func isPadding(_ code: [Disassembly.Instruction], _ index: Int) -> Bool {
  let distance = code[index].bytes[1...4].reversed().reduce(0) { $0 << 8 | Int($1) }
  return (1..<64).contains(distance) && code[(index + 1)...].allSatisfy { $0.bytes == [0x90] }
}

/// Whether it is a site as files have it: five bytes that jump to the beginning of a stub.
private func isSite(_ instruction: Disassembly.Instruction) -> Bool {
  instruction.bytes.count == 5 && instruction.bytes.first == 0xe9
    && instruction.target?.hasPrefix("tidelock_stub_") == true
}

/// Whether a jump goes by a table of its function's own, as a switch over four cases does: an entry is
/// read, sign-extended, and added to the table's address.
private func isTableJump(_ code: [Disassembly.Instruction], _ index: Int) -> Bool {
  index >= 2 && code[index].isJump && code[index - 1].text.hasPrefix("addq %r")
    && code[index - 2].text.hasPrefix("movslq (%r")
}

/// Where the first byte of the program's file is mapped: the last file that begins below a site.
private var programBase: UInt? {
  let site = test_site_address(0)
  return memoryMappings.compactMap { line -> UInt? in
    let fields = line.split(separator: " ")
    let begin = UInt(fields[0].prefix { $0 != "-" }, radix: 16)
    return fields.count > 5 && fields[2].allSatisfy { $0 == "0" } ? begin : nil
  }.last { $0 <= site }
}
