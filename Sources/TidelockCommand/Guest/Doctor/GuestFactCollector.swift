import CPUIdentification
import ELFReader
import Foundation
import KernelImages
import Runs

extension GuestFacts {
  /// Reads what the system says about itself; changes nothing.
  package struct Collector {
    /// Where the system's files are; another folder in tests.
    package var root = "/"
    /// The boot image; nil: where the distribution puts it.
    package var image: String?
    /// One leaf of CPUID.
    package var leaf: (UInt32) -> (eax: UInt32, ebx: UInt32, ecx: UInt32, edx: UInt32) = { number in
      let leaf = cpu_leaf(number)
      return (leaf.eax, leaf.ebx, leaf.ecx, leaf.edx)
    }
    package var isRoot = geteuid() == 0

    package init() {}

    package func collect() async -> GuestFacts {
      var facts = GuestFacts()
      facts.release = line("proc/sys/kernel/osrelease") ?? "unknown"
      facts.mayLoadModules = isRoot
      let folder = "lib/modules/\(facts.release)"
      facts.hasHeaders = text("\(folder)/build/include/config/auto.conf") != nil
      facts.options =
        (text("boot/config-\(facts.release)") ?? text("\(folder)/build/include/config/auto.conf"))
        .map(options)
      facts.hypervisor = hypervisor()
      facts.lockdown = line("sys/kernel/security/lockdown").flatMap(chosen)
      facts.isSecureBoot = isSecureBoot()
      facts.mustBeSigned =
        line("sys/module/module/parameters/sig_enforce") == "Y"
        || facts.options?["MODULE_SIG_FORCE"] == "y"
      facts.areModulesDisabled = line("proc/sys/kernel/modules_disabled") == "1"
      facts.status = text("sys/kernel/tidelock/status").map(fields)
      findSurroundings(&facts)

      facts.imagePath = image ?? path("boot/vmlinuz-\(facts.release)")
      var sites: [GuestSiteReport.Site] = []
      (facts.image, sites) = await readImage(facts.imagePath, facts.release)
      facts.probesOnSites = probes(on: sites)
      return facts
    }

    // MARK: Parts

    private func hypervisor() -> Hypervisor? {
      // Leaf 1, ECX bit 31: there is a hypervisor. Emulation may answer the leaves even without it.
      guard leaf(1).ecx & 1 << 31 != 0 else { return nil }
      // Hyper-V's interface may be offered before KVM's own.
      var found = Hypervisor(signature: signature(at: 0x4000_0000))
      for base in stride(from: UInt32(0x4000_0000), to: 0x4001_0000, by: 0x100)
      where signature(at: base) == "KVMKVMKVM" {
        let features = leaf(base + 1)
        found = Hypervisor(
          signature: "KVMKVMKVM", kvm: .init(features: features.eax, hints: features.edx))
        break
      }
      return found
    }

    private func signature(at number: UInt32) -> String {
      let words = leaf(number)
      return Machine.signature(words.ebx, words.ecx, words.edx)
    }

    private func findSurroundings(_ facts: inout GuestFacts) {
      let flags = Set(
        text("proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("flags") }?
          .split(separator: " ").map(String.init) ?? [])
      facts.surroundings.isXenPV = line("sys/hypervisor/guest_type") == "PV"
      facts.surroundings.isTDX = flags.contains("tdx_guest")
      // A host has the flags as well.
      facts.surroundings.isStateEncrypted =
        facts.hypervisor != nil && !flags.isDisjoint(with: ["sev_es", "sev_snp"])
      facts.surroundings.hasDebugger =
        line("sys/module/kgdboc/parameters/kgdboc").map { !$0.isEmpty } ?? false
      guard let symbols = text("proc/kallsyms") else {
        facts.hasSymbols = false
        return
      }
      facts.surroundings.hasOtherOperations = symbols.split(separator: "\n").contains {
        $0.hasSuffix(" pv_ops_lock") || $0.hasSuffix(" __SCK__queued_spin_unlock")
      }
    }

    private func isSecureBoot() -> Bool {
      // Four bytes of attributes, then the value.
      let variable = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
      return FileManager.default.contents(atPath: path(variable))?.dropFirst(4).first == 1
    }

    private func readImage(
      _ path: String, _ release: String
    ) async -> (Image, [GuestSiteReport.Site]) {
      guard FileManager.default.fileExists(atPath: path) else { return (.missing, []) }
      guard FileManager.default.isReadableFile(atPath: path) else {
        return (.unreadable("permission denied"), [])
      }
      do {
        let kernel = try await KernelImage(path: path)
        guard kernel.identity.release == release else {
          return (.other(kernel.identity.release), [])
        }
        return (.sites(kernel.sites.count), GuestSiteReport(kernel).sites)
      } catch {
        switch error {
        case .noLockOperations, .otherLockOperations, .tooOld, .inconsistent:
          return (.unsuitable("\(error)"), [])
        default: return (.unreadable("\(error)"), [])
        }
      }
    }

    /// The kernel's list has a line for each probe: `ADDRESS KIND SYMBOL+OFFSET [MODULE] [STATE]`.
    private func probes(on sites: [GuestSiteReport.Site]) -> [String]? {
      // Without the image the sites are not known.
      guard let list = text("sys/kernel/debug/kprobes/list"), !sites.isEmpty else { return nil }
      return list.split(separator: "\n").compactMap { line in
        let words = line.split(separator: " ")
        guard words.count > 2 else { return nil }
        let place = words[2].split(separator: "+")
        guard place.count == 2, let offset = UInt64(place[1].dropFirst(2), radix: 16) else {
          return nil
        }
        // On a site, or so close before it that a copy may include it.
        let isOnSite = sites.contains { site in
          guard let start = site.symbolOffset, site.symbol.map({ $0 == place[0] }) == true else {
            return false
          }
          return offset + 15 >= start && offset < start + UInt64(site.length)
        }
        return isOnSite ? String(words[2]) : nil
      }
    }

    // MARK: Files

    private func path(_ file: String) -> String {
      root.hasSuffix("/") ? root + file : "\(root)/\(file)"
    }

    private func text(_ file: String) -> String? {
      (try? readKernelFile(path(file))).map { String(decoding: $0, as: UTF8.self) }
    }

    private func line(_ file: String) -> String? {
      text(file).map { String($0.prefix { $0 != "\n" }).trimmingCharacters(in: .whitespaces) }
    }

    /// The word in brackets: `none [integrity] confidentiality`.
    private func chosen(_ line: String) -> String? {
      line.split(separator: " ").first { $0.hasPrefix("[") }.map {
        String($0.dropFirst().dropLast())
      }
    }

    private func options(_ text: String) -> [String: String] {
      text.split(separator: "\n").reduce(into: [:]) { options, line in
        let parts = line.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, parts[0].hasPrefix("CONFIG_") else { return }
        options[String(parts[0].dropFirst(7))] = String(parts[1])
      }
    }

    private func fields(_ text: String) -> [String: String] {
      text.split(separator: "\n").reduce(into: [:]) { fields, line in
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return }
        fields[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces)
      }
    }
  }
}
