import LockHarness
import TestShims
import Testing
import Tidelock

extension Platform {
  /// The text's protection is what it was, whoever made it so.
  @Suite struct Permissions {
    @Test(arguments: [PokeMethod.store, .breakpoint])
    func areGivenBack(method: PokeMethod) async {
      await #expect(processExitsWith: .success) { [method] in
        inOwnProcess {
          let sites = testSites
          check(sites.count > 3, "only \(sites.count) sites")
          let before = textProtections(sites)
          check(before.allSatisfy { $0 == "r-xp" }, "before: \(before)")
          try switchInAllDirections(poking: method)
          check(textProtections(sites), is: before, "after")

          // A page in the middle that somebody else has made writable.
          let other = sites[sites.count / 2]
          check(test_protect_text(other, 5, true) == 0, "mprotect")
          let mixed = textProtections(sites)
          check(mixed.contains("rwxp") && mixed.contains("r-xp"), "mixed: \(mixed)")
          try switchInAllDirections(poking: method)
          check(textProtections(sites), is: mixed, "after, with a writable page")
        }
      }
    }

    /// Also where a switch ends in an error: the library's text has been opened when the program's,
    /// which comes after, is refused.
    @Test func areGivenBackByAFailure() async throws {
      let path = try #require(Plugin.build("opened"))
      await #expect(processExitsWith: .success) { [path = path as String] in
        inOwnProcess {
          guard let plugin = Plugin(path) else { return check(false, "no library") }
          let program = testSites
          let sites = program + plugin.sites
          let before = textProtections(sites)
          check(test_forbid_writable_text(program[0]), "no seccomp")
          check((try? LockOperations.switch(to: .paravirtual)) == nil, "switched all the same")
          check(textProtections(sites), is: before, "after")
        }
      }
    }
  }
}

private var testSites: [UInt] {
  (0..<test_site_count()).map(test_site_address).sorted()
}

/// The protection of the mapping that each site is in, from /proc/self/maps.
private func textProtections(_ sites: [UInt]) -> [String] {
  let mappings = memoryMappings.compactMap { line -> (low: UInt, high: UInt, rights: String)? in
    let fields = line.split(separator: " ")
    let bounds = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
    return bounds.count == 2 ? (bounds[0], bounds[1], String(fields[1])) : nil
  }
  return sites.map { site in
    mappings.first { $0.low <= site && site < $0.high }?.rights ?? "unmapped"
  }
}
