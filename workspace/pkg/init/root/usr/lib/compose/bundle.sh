# Sourced: what is done around a container, onboot, onshutdown or service, as its runtime.json says.
#
# A directory below /containers has config.json and runtime.json, which do not change: the configuration that is run is a
# copy in /run, whose root has an absolute path.

RUN=/run/bundles

# The options of a mount are words of mount(8). How a mount propagates is said in a call of its own.
# mount_one DESTINATION TYPE SOURCE OPTIONS
mount_one() {
  destination=$1 type=$2 source=$3 flags='' propagation='' upper='' work=''
  case $destination in /*) ;; *) destination=$rootfs/$destination ;; esac
  saved=$IFS IFS=,
  for option in $4; do
    case $option in
      private | rprivate | shared | rshared | slave | rslave) propagation=$option ;;
      upperdir=*) upper=${option#*=} flags=$flags,$option ;;
      workdir=*) work=${option#*=} flags=$flags,$option ;;
      *) flags=$flags,$option ;;
    esac
  done
  IFS=$saved
  flags=${flags#,}
  [ -z "$upper" ] || mkdir -p "$upper" "$work"
  mkdir -p "$destination" 2> /dev/null
  case ",$flags," in
    ,, | ,remount,) [ -n "$propagation" ] || mount -t "$type" "$source" "$destination" || return ;;
    *,bind,* | *,rbind,*) mount -o "$flags" "$source" "$destination" || return ;;
    *) mount ${type:+-t "$type"} -o "$flags" "${source:-none}" "$destination" || return ;;
  esac
  case ",$flags," in
    *,ro,*bind,* | *,*bind,*ro,*) mount -o "remount,bind,ro" "$destination" || return ;;
  esac
  [ -z "$propagation" ] || mount --make-"$propagation" "$destination"
}

# Mounts, directories and groups of a container, and its bundle in $RUN.
# prepare DIRECTORY BUNDLE
prepare() {
  dir=$1 bundle=$2 rootfs=$1/rootfs
  eval "$(jq -r '
    (.cgroups[]? | "mkdir -p \("/sys/fs/cgroup/" + . | @sh) || return"),
    (.mounts[]? | "mount_one \([.destination, .type // "", .source // "", (.options // [] | join(","))] | @sh) || return"),
    (.mkdir[]? | "mkdir -p \((if startswith("/") then . else $root + "/" + . end) | @sh) || return")
  ' --arg root "$rootfs" "$dir/runtime.json")"
  mkdir -p "$bundle"
  jq --arg root "$rootfs" --arg runtime "$dir/runtime.json" --slurpfile runtimes "$dir/runtime.json" '
    .root.path = $root
    | if ($runtimes[0] | (.interfaces | length > 0) or (.bindNS | any(. != "")))
      then .hooks.createRuntime += [{path: "/usr/lib/compose/namespaces", args: ["namespaces", $runtime]}]
      else . end
  ' "$dir/config.json" > "$bundle/config.json"
}

# Takes away what `prepare` mounted as the root.
# clean DIRECTORY
clean() {
  umount "$1/rootfs"
  [ ! -d "$1/tmp" ] || umount "$1/tmp"
}

# Runs the containers of a directory one after the other. One that fails is told about; the next run all the same.
# run_all SECTION
run_all() {
  debug=''
  grep -q 'linuxkit.runc_debug=1' /proc/cmdline && debug=--debug
  for dir in /containers/"$1"/*; do
    [ -d "$dir" ] || continue
    name=${dir##*/}
    if ! prepare "$dir" "$RUN/$1/$name"; then
      echo "$1 $name: could not be prepared"
      continue
    fi
    runc $debug run --bundle "$RUN/$1/$name" "$name" < /dev/null
    code=$?
    [ "$code" = 0 ] || echo "$1 $name: ended with $code"
    clean "$dir"
  done
}
