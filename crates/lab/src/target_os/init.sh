#!/bin/busybox sh
# PID 1 of the lab's target system: says who it is on every console, then stays.

/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
dmesg -n 1
hostname @NAME@

for module in @MODULES@; do
    insmod "/modules/$module"
done

# After firmware and phase 1 the next DHCP clients of this boot, under the names that DHCP clients give themselves: 01 and
# the MAC, none at all, and a DUID (RFC 4361). Every address that any of them got is told.
for path in /sys/class/net/*; do
    card=${path##*/}
    [ -e "$path/device" ] || continue
    mac=$(cat "$path/address")
    ifconfig "$card" up
    for name in "" "-C" "-C -x 0x3d:ff00c0ffee00010001$(echo "$mac" | tr -d :)"; do
        udhcpc -i "$card" $name -n -q -t 30 -T 2 -s /lease >/dev/null 2>&1 || echo none >>/run/addresses
    done
    break
done
address=$(sort -u /run/addresses | xargs)
payload=BROKEN
sha256sum -cs /payload.sha256 && payload=intact

marker="bt-target: hello from @NAME@, MAC $mac, address $address, payload $payload, kernel cmdline $(cat /proc/cmdline)"
# The kernel that was here before has left its words on the screen.
printf '\033[2J\033[H' >/dev/tty1
cat >/dev/tty1 <<END

    @NAME@ is running on this machine.

    kernel     $(uname -r)
    memory     $(sed -n 's/MemTotal: *//p' /proc/meminfo)
    MAC        $mac
    address    $address
    payload    $payload

$marker

END
# Last, since whoever waits for it takes a picture of the screen then.
echo "$marker" >/dev/ttyS0
while :; do
    sleep 3600
done
