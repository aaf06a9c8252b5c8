import Foundation

/// The file system that a guest boots into: busybox, a shell behind the second serial line, files.
struct Initramfs {
  /// What lies in the root folder, by name.
  let files: [String: URL]

  /// Packs it into a file.
  func write(to archive: URL, busybox: URL, work: URL) async throws(GuestError) {
    let root = work.appending(path: "root")
    do {
      let manager = FileManager.default
      for folder in ["bin", "proc", "sys", "dev", "tmp"] {
        try manager.createDirectory(
          at: root.appending(path: folder), withIntermediateDirectories: true)
      }
      try manager.copyItem(at: busybox, to: root.appending(path: "bin/busybox"))
      for (name, file) in files {
        try manager.copyItem(at: file, to: root.appending(path: name))
      }
      let initProgram = root.appending(path: "init")
      try Data(Self.initScript.utf8).write(to: initProgram)
      try manager.setAttributes([.posixPermissions: 0o755], ofItemAtPath: initProgram.path)
    } catch {
      throw .file(path: root.path, reason: error.localizedDescription)
    }
    var names = ["init", "bin", "bin/busybox", "proc", "sys", "dev", "tmp"]
    names += files.keys
    let packed = try await runTool(
      busybox.path, ["cpio", "-o", "-H", "newc", "-F", archive.path], in: root,
      input: names.joined(separator: "\n") + "\n")
    guard packed.succeeded else { throw .toolFailed(tool: "busybox cpio", reason: packed.output) }
  }

  /// One line in, what it prints out, then the mark with the exit status.
  ///
  /// Who reads is neither the first process nor runs commands itself: busybox's `read` drops what it
  /// has of a line when a child ends meanwhile, and what a command leaves behind becomes a child of
  /// the first process.
  static let initScript = """
    #!/bin/busybox sh
    /bin/busybox --install -s /bin
    export PATH=/bin
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t devtmpfs dev /dev
    exec </dev/ttyS1 >/dev/ttyS1 2>&1
    stty raw -echo
    {
      echo \(GuestShell.readyMark)
      while read -r line; do
        (eval "$line")
        echo "\(GuestShell.endMark) $?"
      done
    } </dev/ttyS1 &
    wait $!
    """
}
