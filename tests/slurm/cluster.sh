#!/usr/bin/env bash
# A Slurm of one node on the loopback interface, for tests: no cgroups, GPUs that are empty files, memory limits that kill.
#
#   cluster.sh install          Debian's packages; as root
#   cluster.sh start DIR [GPUS] everything below DIR but a link at /etc/slurm, where job steps look; as root
#   cluster.sh stop DIR
set -euo pipefail

install() {
    command -v slurmctld > /dev/null && command -v munged > /dev/null && return
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge > /dev/null
}

configure() {
    local node memory
    node=$(hostname -s)
    memory=$(awk '/MemTotal/ {print int($2 / 1024) - 512}' /proc/meminfo)
    mkdir -p "$dir"/{state,spool,log}
    install_key
    for ((gpu = 0; gpu < gpus; gpu++)); do
        : > "$dir/gpu$gpu" # a GPU counts only if it has a file
    done
    echo "NodeName=$node Name=gpu File=$dir/gpu[0-$((gpus - 1))]" > "$dir/gres.conf"
    cat > "$dir/slurm.conf" << CONF
ClusterName=semlens
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=6817
SlurmdPort=6818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/munge.socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=100000
PriorityType=priority/basic
ReturnToService=2
MinJobAge=3600
KillWait=5
MaxArraySize=1001
GresTypes=gpu
NodeName=$node NodeAddr=127.0.0.1 CPUs=$((2 * $(nproc))) RealMemory=$memory Gres=gpu:$gpus State=UNKNOWN
PartitionName=cpu Nodes=$node Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=$node MaxTime=INFINITE State=UP
CONF
}

install_key() {
    mkdir -p "$dir/munge"
    chmod 0755 "$dir" "$dir/munge"
    (umask 077 && head -c 1024 /dev/urandom > "$dir/munge/munge.key")
}

start() {
    for name in slurm.conf gres.conf; do
        if [ -e "/etc/slurm/$name" ] && [ ! -L "/etc/slurm/$name" ]; then
            echo "this machine has a Slurm of its own: /etc/slurm/$name" >&2
            exit 1
        fi
    done
    configure
    mkdir -p /etc/slurm
    ln -sfn "$dir/slurm.conf" /etc/slurm/slurm.conf
    ln -sfn "$dir/gres.conf" /etc/slurm/gres.conf
    munged --force --key-file="$dir/munge/munge.key" --socket="$dir/munge/munge.socket" \
        --pid-file="$dir/munge/munged.pid" --log-file="$dir/munge/munged.log" --seed-file="$dir/munge/munge.seed"
    slurmctld -c
    slurmd
    for _ in $(seq 60); do
        timeout 5 sinfo -h -o %t -p cpu 2> /dev/null | grep -qx idle && return
        sleep 0.5
    done
    echo "Slurm did not come up; its logs are in $dir/log" >&2
    exit 1
}

stop() {
    timeout 10 scancel --state=RUNNING,PENDING --user="$(id -un)" 2> /dev/null || true
    for file in "$dir"/slurmd.pid "$dir"/slurmctld.pid "$dir"/munge/munged.pid; do
        if [ -s "$file" ]; then kill "$(cat "$file")" 2> /dev/null || true; fi
    done
    for name in slurm.conf gres.conf; do
        if [ "$(readlink "/etc/slurm/$name")" = "$dir/$name" ]; then rm "/etc/slurm/$name"; fi
    done
}

verb=${1:?install, start DIR or stop DIR}
if [ "$verb" = install ]; then
    install
else
    dir=$(realpath -m "${2:?a directory}")
    gpus=${3:-2}
    "$verb"
fi
