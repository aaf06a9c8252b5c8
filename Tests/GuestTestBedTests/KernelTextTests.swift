import Foundation
import GuestTestBed
import KernelImages
import Testing

extension GuestTests {
  /// The text of a kernel that runs beside that of its image.
  @Suite(.serialized) struct KernelTextInMemory {
    @Test("nothing but what the kernel's tables name is changed by boot, switches and removal")
    func isThatOfTheImage() async throws {
      let kernel = try GuestKernel()
      let vmlinux = try await KernelImage.unpacked(path: kernel.image.path)
      let image = try KernelImage(vmlinux: vmlinux, file: kernel.image.path)
      var machine = GuestMachine(kernel: kernel, vcpus: 2)
      machine.files = GuestSwitcher.files(try await GuestModules.build(for: kernel))
      let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let dump = folder.appending(path: "text")

      let (_, log) = try await machine.run { shell in
        let marks = try await marks(in: shell)
        let text = try KernelText(vmlinux: vmlinux, file: kernel.image.path, marks)
        // Most of it: tables that named everything would find nothing.
        #expect(text.compared > text.size / 10 * 8)
        func differences() async throws -> [KernelText.Difference] {
          try await shell.saveMemory(from: marks.text, count: text.size, to: dump)
          return text.differences(in: Array(try Data(contentsOf: dump)))
        }
        #expect(try await differences().isEmpty)
        let switcher = try await GuestSwitcher.load(in: shell)
        try await switcher.change(to: "paravirtual")
        #expect(try await differences().isEmpty)
        try await switcher.unload()
        #expect(try await differences().isEmpty)

        // A probe is no table's. Behind the tracer's call, which one at the very beginning would use.
        let probed = try #require(image.functions.all.first { $0.name == "vfs_write" })
        let linked = image.sites[0].address - UInt64(image.sites[0].offset)
        try await shell.mountTracing()
        try await shell.run("echo 'p:text/site vfs_write+5' > /sys/kernel/tracing/kprobe_events")
        try await shell.run("echo 1 > /sys/kernel/tracing/events/text/site/enable")
        let found = try await differences()
        #expect(found.map(\.memory) == [[0xcc]])
        #expect(found.map(\.address) == [probed.address - linked + marks.text + 5])
      }
      #expect(log.troubles.isEmpty)
    }

    private func marks(in shell: GuestShell) async throws -> TextMarks {
      let names =
        TextMarks.names.union(["_text"]).map { " \($0)$" } + [" \(TextMarks.trampolinePrefix)"]
      let listed = try await shell.run("grep -E '\(names.joined(separator: "|"))' /proc/kallsyms")
      return try #require(LiveSymbols(kallsyms: listed)).marks
    }
  }
}
