import Foundation
import KernelImages

/// What the KVM host holds in addition to what `Scripts/guest-setup --kvm` has packed for it.
enum KVMHostFiles {
  /// Loads KVM, then relays lines between the one port and the channels.
  ///
  /// Every line, in or out, begins with the name of its channel. The process that reads the port runs no
  /// commands: busybox's `read` drops a partly read line when a child ends meanwhile. Pipes are opened for
  /// both directions where opening must not wait for the other side.
  static let initScript = """
    #!/bin/busybox sh
    /bin/busybox --install -s /bin
    export PATH=/bin:/usr/bin
    mkdir -p /proc /sys /dev /tmp /channels
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t devtmpfs dev /dev
    mount -t debugfs debug /sys/kernel/debug
    mount -t tmpfs -o size=1000m tmp /tmp
    for module in $(cat /modules/order); do insmod /modules/$module; done
    \(SerialPort.find)
    export port
    stty raw -echo <$port
    mkfifo /channels/\(shell).in /channels/\(shell).out
    relay \(shell) &
    {
      [ -c /dev/kvm ] && echo \(GuestShell.readyMark)
      while read -r line; do
        (eval "$line") </dev/null
        echo "\(GuestShell.endMark) $?"
      done
    } <>/channels/\(shell).in >/channels/\(shell).out 2>&1 &
    while read -r channel line; do
      echo "$line" 1<>/channels/$channel.in
    done <$port &
    wait $!
    """

  /// The channel of the host's own shell.
  static let shell = "host.shell"

  /// `relay CHANNEL`: what comes out of a channel goes to the port, under the channel's name.
  static let relay = """
    #!/bin/busybox sh
    while IFS= read -r line; do echo "$1 $line"; done </channels/$1.out >$port
    """

  /// `start-guest NUMBER QEMU-ARGUMENT...`: runs a guest and says when it has ended.
  static let startGuest = """
    #!/bin/busybox sh
    number=$1
    shift
    options=
    for channel in console shell monitor; do
      mkfifo /channels/$number.$channel.in /channels/$number.$channel.out
      relay $number.$channel &
      options="$options -chardev pipe,id=$channel,path=/channels/$number.$channel"
    done
    # Behind what the console has printed.
    ln -s $number.console.out /channels/$number.log.in
    mkfifo /channels/$number.errors.out
    relay $number.errors &
    qemu-system-x86_64 -accel kvm -nodefaults -display none -no-reboot -pidfile /tmp/$number.pid \\
      $options -serial chardev:console -device pci-serial,chardev=shell \\
      -mon chardev=monitor,mode=control \\
      -kernel /guest/vmlinux -initrd /guest/initramfs "$@" \\
      </dev/null >/channels/$number.errors.out 2>&1
    # A QEMU that did not get as far has left the others waiting for it.
    for channel in console shell monitor; do : 1<>/channels/$number.$channel.out; done
    wait
    rm -f /channels/$number.* /tmp/$number.pid
    echo "$number.end" >$port
    """

  /// The unpacked kernel, which saves a guest on KVM the time to unpack it; made once.
  static func vmlinux(of kernel: GuestKernel) async throws -> URL {
    let file = kernel.image.deletingLastPathComponent().appending(path: "vmlinux-\(kernel.release)")
    if !file.isNewer(than: kernel.image) {
      try writeFile(Data(try await KernelImage.unpacked(path: kernel.image.path)), to: file)
    }
    return file
  }
}
