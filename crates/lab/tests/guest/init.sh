#!/bin/sh
# The machine that has a guest. Everything it says goes to the serial console, where it is told what to do.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in /modules/*.ko; do insmod "$module"; done
exec </dev/ttyS0 >/dev/ttyS0 2>&1
stty -echo
echo "the machine's own console" >/dev/tty0

/usr/bin/qemu-system-x86_64 -accel tcg -m 32 -L /usr/share/seabios -L /usr/share/qemu -nodefaults -vga std \
    -display none -monitor none -serial stdio -drive file=/disk,format=raw,if=ide -vnc unix:/run/guest \
    </dev/null &
guest=$!

# QEMU makes its own line one that does not wait, and words would be lost on it.
show() {
    bttui view /run/guest
    echo "viewer: $?"
} >/dev/ttyS0 2>&1

show &
while read -r what; do
    case $what in
    again) show & ;;
    kill) kill $guest ;;
    times) echo "times: $(cut -d ' ' -f 14,15 "/proc/$(pidof bttui)/stat")" ;;
    esac
done
