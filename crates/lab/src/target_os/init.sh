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

# The third DHCP client of this boot, after firmware and phase 1: the address must still be the same.
for path in /sys/class/net/*; do
    card=${path##*/}
    [ -e "$path/device" ] || continue
    mac=$(cat "$path/address")
    ifconfig "$card" up
    udhcpc -i "$card" -n -t 30 -T 2 -s /lease >/dev/null 2>&1
    break
done
address=$(cat /run/address 2>/dev/null || echo none)
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
