# shellcheck shell=sh
# What the alerts say of containers, here and in the node. To be sourced after checks.sh; `alerts` is
# the file of the engine's alerts, `table` that of the fields.
#
# shellcheck disable=SC2154 # whoever sources this has them

# The alert of the program whose arguments hold MARK: `alert MARK [RULE]`.
alert() {
    within 30 grep -qF "$1" "$alerts" || {
        echo "no alert of $1" >&2
        return 1
    }
    grep -F "$1" "$alerts" | grep -F "\"rule\":\"${2:-Program in a container}\"" | head -n 1 | grep .
}
# It is of this container and image: `named MARK NAME IMAGE`.
named() {
    alert "$1" >/tmp/alert || return 1
    cat /tmp/alert
    grep -qF "\"container.name\":\"$2\"" /tmp/alert && grep -qF "\"container.image\":\"$3\"" /tmp/alert
}
# All that is known is as the column of the table has it: `all_of MARK COLUMN`.
all_of() {
    alert "$1" >/tmp/alert || return 1
    awk -F ' *[|] *' -v column="$2" '
        FNR == NR { line = $0; next }
        /^#/ { next }
        !at { for (at = NF; $at != column; at--); next }
        {
            key = "\"" $1 "\":"
            start = index(line, key)
            value = start ? substr(line, start + length(key), 300) : "nothing"
            wanted = $at
            if (wanted == "-") right = value ~ /^null/
            else if (wanted == "+") right = value ~ /^("[^"]|[1-9]|true|false)/
            else right = substr(value, 1, length(wanted)) == wanted
            if (!right) { print $1 ": wanted " wanted ", is " value; wrong++ }
        }
        END { exit wrong > 0 }' /tmp/alert "$table"
}
# The alert of the rule that everybody has tells whose container it was: `reference MARK NAME IMAGE
# [NAMESPACE]`.
reference() {
    alert "$1" 'Launch Package Management Process in Container' >/tmp/alert || return 1
    cat /tmp/alert
    grep -qE "Error Package management process launched in container .*container_name=$2 image=$3${4:+ namespace=$4}\)" /tmp/alert
}
# A rule's alert names the container: `event RULE NAME`.
event() { grep -F "\"rule\":\"$1\"" "$alerts" | grep -F "\"container.name\":\"$2\"" >/dev/null; }
# The rule that tells all fields of the table, from FILE.
rules_of_table() {
    sed "s#FIELDS#$(awk -F ' *[|] *' '/^[ck].*\./ { printf "%s=%%%s ", $1, $1 }' "$table")#" "$1"
}
# The table has every field of the ENGINE.
table_is_whole() {
    sed -n 's/^\([ck][a-z0-9]*\.[a-z_.]*\).*/\1/p' "$table" | sort -u >/tmp/in-table
    "$1" --list | grep -oE '^(container|k8s)\.[a-z_.]+' |
        sort -u >/tmp/in-engine
    diff /tmp/in-table /tmp/in-engine
}
# Every one of a flood: `all_named NAME COUNT IMAGE`, whose containers are NAME-1 and so on.
all_named() {
    for i in $(seq "$2"); do
        named "of-$1-$i-" "$1-$i" "$3" >/tmp/told || {
            cat /tmp/told
            return 1
        }
    done
}
# What the engine of process PID holds in memory beside the rings, which are shared with the kernel.
resident() {
    awk '/^[0-9a-f]+-[0-9a-f]+ / { ring = $0 ~ /bpf-map|bpf_map|\/dev\/falco/ }
        /^[0-9a-f]+-[0-9a-f]+ / { file = $6 ~ /^\// }
        /^Rss:/ { if (ring) rings += $2; else { sum += $2; if (file) files += $2 } }
        END {
            print "resident beside the rings: " sum " KiB, of them program and libraries " files " KiB; rings: " rings + 0 " KiB"
            exit sum >= 30 * 1024
        }' \
        "/proc/$1/smaps"
}
