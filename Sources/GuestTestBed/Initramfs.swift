import Foundation

/// The file system that a guest boots into: busybox, a shell behind its second serial port, files.
struct Initramfs {
  /// What lies in the root folder, by name.
  let files: [String: URL]

  /// Packs it into a file; puts it together in the folder `root`, which need not be there.
  func write(to archive: URL, busybox: URL, root: URL) async throws(GuestError) {
    var files = files
    files["bin/busybox"] = busybox
    try await CPIOArchive(files: files, programs: ["init": Self.initScript])
      .write(to: archive, busybox: busybox, root: root)
  }

  /// Takes one line in, sends back what it prints, then the mark with the exit status.
  ///
  /// The process that reads is not the first process and does not run commands itself: busybox's `read`
  /// drops a partly read line when a child ends meanwhile, and processes that a command leaves behind
  /// become children of the first process.
  static let initScript = """
    #!/bin/busybox sh
    /bin/busybox --install -s /bin
    export PATH=/bin
    mkdir -p /proc /sys /dev /tmp
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t devtmpfs dev /dev
    # Whatever the console was told to leave out at boot, it shows from now on.
    echo 7 > /proc/sys/kernel/printk
    \(SerialPort.find)
    exec <$port >$port 2>&1
    stty raw -echo
    {
      echo \(GuestShell.readyMark)
      while read -r line; do
        (eval "$line")
        echo "\(GuestShell.endMark) $?"
      done
    } <$port &
    wait $!
    """
}

/// The serial port behind which a shell listens.
enum SerialPort {
  /// Sets `port` to the first one after the console's, on whatever bus.
  static let find = """
    port=/dev/ttyS$(awk -F: '/uart:16/ && $1 > 0 { print $1; exit }' /proc/tty/driver/serial)
    """
}
