//! What the loaders read: iPXE's script, syslinux's and GRUB's configuration.
//!
//! All name the same kernel, initrds and command line and hold nothing of the site but the
//! server's address.

use std::fmt::Write as _;
use std::net::SocketAddrV4;

/// The kernel of phase 1.
pub const KERNEL: &str = "bzImage";
/// The initrds of phase 1; a later one overlays the earlier.
pub const INITRDS: [&str; 3] = ["rootfs.gz", "diff.gz", "torrents.gz"];
/// Phase 1's command line: speak on the serial line too, keep the screen for the menu.
pub const COMMAND_LINE: &str = "console=ttyS0,115200 console=tty0 quiet";
/// Leaves the services of UEFI alone. Linux's loader for 64-bit kernels refuses (ENOEXEC) as long as services of 32-bit
/// UEFI are in use, since it could not hand them on (`bzImage64_probe` in arch/x86/kernel/kexec-bzimage64.c). Without
/// them it tells the next kernel where ACPI's tables are, which that could not ask UEFI any more.
const WITHOUT_EFI: &str = "efi=noruntime";
/// How iPXE tells phase 1 which card it booted from, in the form syslinux's `IPAPPEND 2` has.
const IPXE_BOOTIF: &str = "BOOTIF=01-${netX/mac:hexhyp}";
/// The iPXE script's name below `/boot/`.
pub const IPXE_SCRIPT: &str = "boot.ipxe";
/// syslinux's configuration, below `/boot/` and at the TFTP root alike.
pub const PXELINUX_CONFIG: &str = "pxelinux.cfg/default";

/// GRUB's configuration at the TFTP root. Debian's signed image looks for others there before, by
/// its platform's name; whoever serves says "not found" to those.
pub const GRUB_CONFIG: &str = "grub/grub.cfg";
/// The same beside the loader itself: by HTTP there is nothing of ours at the root.
pub const GRUB_CONFIG_BESIDE: &str = "grub.cfg";

/// The URL of a loader's file on the server's HTTP port. No name resolution is ever needed.
#[must_use]
pub fn url(http: SocketAddrV4, name: &str) -> String {
    format!("http://{http}/boot/{name}")
}

/// `boot.ipxe`. There is no `dhcp` in it: whoever reads it is configured already, and asking again
/// would cost iPXE's wait for IPv6 routers a second time.
#[must_use]
pub fn boot_ipxe(http: SocketAddrV4) -> String {
    let mut text = String::from("#!ipxe\n:start\n");
    // iPXE on EFI hands the kernel only those initrds that its command line names.
    let named: String = INITRDS
        .iter()
        .map(|name| format!("initrd={name} "))
        .collect();
    let kernel = url(http, KERNEL);
    let _ = writeln!(
        text,
        "kernel {kernel} {named}{COMMAND_LINE} {IPXE_BOOTIF} || goto failed"
    );
    for name in INITRDS {
        let _ = writeln!(text, "initrd {} || goto failed", url(http, name));
    }
    text.push_str("boot || goto failed\n\n:failed\n");
    let _ = writeln!(
        text,
        "echo Could not start from {http}, trying again in 5 seconds"
    );
    text.push_str("imgfree\nsleep 5\ngoto start\n");
    text
}

/// `pxelinux.cfg/default`. All names are relative: to option 210's prefix under lpxelinux, to the
/// TFTP root under pxelinux, so that one text serves both.
#[must_use]
pub fn pxelinux_config() -> String {
    // No TIMEOUT: with PROMPT 0 syslinux then starts the default at once.
    format!(
        "DEFAULT phase1\nPROMPT 0\nLABEL phase1\n  KERNEL {KERNEL}\n  INITRD {}\n  APPEND {COMMAND_LINE}\n  IPAPPEND 2\n",
        INITRDS.join(",")
    )
}

/// `grub/grub.cfg`. Names begin at the root of the device that GRUB itself came from, `$root`, which is
/// `tftp,ADDRESS` or `http,ADDRESS:PORT`. There is no
/// menu in it, so nothing waits for a timeout; and since GRUB's language has no "and", what follows
/// a success stands inside it.
#[must_use]
pub fn grub_config() -> String {
    let initrds: String = INITRDS
        .iter()
        .map(|name| format!(" $folder/{name}"))
        .collect();
    format!(
        r#"# There is only this kernel, for PCs.
if [ "$grub_cpu" = "arm64" ]; then
  echo "This server has no kernel for ARM machines. Going on with what the firmware tries next."
  sleep 10
  exit
fi
# Phase 1 reads which card this is as syslinux writes it, with dashes.
if regexp --set=1:a --set=2:b --set=3:c --set=4:d --set=5:e --set=6:f '^(..):(..):(..):(..):(..):(..)$' "$net_default_mac"; then
  card="BOOTIF=01-$a-$b-$c-$d-$e-$f"
fi
# A kernel that uses the services of 32-bit UEFI refuses to start another one by kexec.
if [ "$grub_cpu" = "i386" ]; then
  efi="{WITHOUT_EFI}"
fi
if regexp '^http,' "$root"; then
  folder="/boot"
fi
while [ "$root" ]; do
  if linux $folder/{KERNEL} {COMMAND_LINE} $card $efi; then
    if initrd{initrds}; then
      boot
      # What GRUB told the firmware of this kernel and its initrds it cannot take back.
      echo "The kernel did not start. Restarting in 5 seconds."
      sleep 5
      reboot
    fi
  fi
  echo "Could not start from $root, trying again in 5 seconds"
  sleep 5
done
echo "GRUB does not know where it was loaded from: use --loader ipxe at the server."
sleep 30
exit
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(10, 77, 0, 1), 6969);

    #[test]
    fn ipxe_reads_a_script_that_never_asks_dhcp_again() {
        let expected = "\
#!ipxe
:start
kernel http://10.77.0.1:6969/boot/bzImage initrd=rootfs.gz initrd=diff.gz initrd=torrents.gz \
console=ttyS0,115200 console=tty0 quiet BOOTIF=01-${netX/mac:hexhyp} || goto failed
initrd http://10.77.0.1:6969/boot/rootfs.gz || goto failed
initrd http://10.77.0.1:6969/boot/diff.gz || goto failed
initrd http://10.77.0.1:6969/boot/torrents.gz || goto failed
boot || goto failed

:failed
echo Could not start from 10.77.0.1:6969, trying again in 5 seconds
imgfree
sleep 5
goto start
";
        assert_eq!(boot_ipxe(HTTP), expected);
    }

    #[test]
    fn syslinux_reads_a_configuration_that_fits_http_and_tftp() {
        let expected = "\
DEFAULT phase1
PROMPT 0
LABEL phase1
  KERNEL bzImage
  INITRD rootfs.gz,diff.gz,torrents.gz
  APPEND console=ttyS0,115200 console=tty0 quiet
  IPAPPEND 2
";
        assert_eq!(pxelinux_config(), expected);
    }

    #[test]
    fn grub_reads_a_configuration_that_starts_at_once_and_tries_again() {
        let config = grub_config();
        let start = "
  if linux $folder/bzImage console=ttyS0,115200 console=tty0 quiet $card $efi; then
    if initrd $folder/rootfs.gz $folder/diff.gz $folder/torrents.gz; then
      boot
";
        assert!(config.contains(start), "{config}");
        assert!(!config.contains("menuentry") && !config.contains("timeout"));
        for no_such_thing in ["&&", "||"] {
            assert!(!config.contains(no_such_thing), "{no_such_thing}");
        }
        let count = |word: &str| config.split_whitespace().filter(|w| *w == word).count();
        assert_eq!(count("if"), count("fi"));
        assert_eq!((count("while"), count("done")), (1, 1));
    }
}
