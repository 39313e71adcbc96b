#!/bin/busybox sh
# A server on one end of a virtual cable, and two clients on the other, one in VLAN 42 and one outside of it.

/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
for module in /modules/*.ko; do
    insmod "$module"
done
ip link set lo up

# The other end is in a network of its own.
unshare -n sleep 100000 &
room=$!
sleep 1
there() {
    nsenter -t $room -n "$@"
}
ip link add eth0 type veth
ip link set veth0 netns $room
ip link add link eth0 name eth0.42 type vlan id 42
ip link set eth0 up
ip link set eth0.42 up
there ip link set veth0 up
there ip link add link veth0 name tagged type vlan id 42
there ip link set tagged up

# Packets that came in: tagged ones count at both interfaces.
received() {
    there cat /proc/self/net/dev | sed -n "s/^ *$1: *[0-9]* *\([0-9]*\) .*/\1/p"
}
ask() {
    rm -f /run/lease
    there udhcpc -i "$1" -n -q -t 4 -T 2 -s /lease >/dev/null 2>&1
    cat /run/lease 2>/dev/null || echo none
}
# What clients get of a server on this interface, with this configuration.
serve() {
    name=$1 interface=$2
    printf 'boottorrent:\n  version: 0\ndnsmasq:\n  dhcp_range: %s\n' "$3" >/tmp/Boottorrent.yaml
    before=$(($(received veth0) - $(received tagged)))
    /bt-server --iface "$interface" --oss /oss --config /tmp/Boottorrent.yaml --state /tmp/state >/tmp/log 2>&1 &
    server=$!
    for second in $(seq 60); do
        grep -q ready: /tmp/log && break
        kill -0 $server || break
        sleep 1
    done
    echo "said: $name tagged $(ask tagged)"
    echo "said: $name untagged $(ask veth0)"
    after=$(($(received veth0) - $(received tagged)))
    echo "said: $name heard untagged $((after - before))"
    sed 's/^/log: /' /tmp/log
    kill $server
    wait $server
}

ip addr add 10.77.42.1/24 dev eth0.42
serve on-vlan eth0.42 10.77.42.50,10.77.42.50,10m
echo "said: doctor $(/bt-server doctor --iface eth0.42 --oss /oss 2>/dev/null | grep VLAN)"
ip addr del 10.77.42.1/24 dev eth0.42
ip addr add 10.77.7.1/24 dev eth0
serve on-cable eth0 10.77.7.50,10.77.7.50,10m
poweroff -f
