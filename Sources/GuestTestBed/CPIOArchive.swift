import Foundation

/// Files packed for a kernel to boot into.
struct CPIOArchive {
  /// Files of this machine, by their path in the archive.
  let files: [String: URL]
  /// Scripts that can be run, by their path in the archive.
  let programs: [String: String]

  /// Packs them; puts them together in the folder `root`, which need not be there.
  func write(to archive: URL, busybox: URL, root: URL) async throws(GuestError) {
    // Each folder stands before what lies in it.
    var names: Set<String> = []
    do {
      let manager = FileManager.default
      for name in Array(files.keys) + programs.keys {
        var folder = (name as NSString).deletingLastPathComponent
        try manager.createDirectory(
          at: root.appending(path: folder), withIntermediateDirectories: true)
        names.insert(name)
        while !folder.isEmpty {
          names.insert(folder)
          folder = (folder as NSString).deletingLastPathComponent
        }
      }
      for (name, file) in files {
        try manager.copyItem(at: file, to: root.appending(path: name))
      }
      for (name, script) in programs {
        let file = root.appending(path: name)
        try Data(script.utf8).write(to: file)
        try manager.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
      }
    } catch {
      throw .file(path: root.path, reason: error.localizedDescription)
    }
    let packed = try await runTool(
      busybox.path, ["cpio", "-o", "-H", "newc", "-F", archive.path], in: root,
      input: names.sorted().joined(separator: "\n") + "\n")
    guard packed.succeeded else { throw .toolFailed(tool: "busybox cpio", reason: packed.output) }
  }
}
