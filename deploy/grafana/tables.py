"""Which panel asks what: the pipeline, trainers, hardware, the broker and the quality of data."""

from typing import Final

from deploy.grafana.panels import Dashboard, Panel, Query

RUN: Final = "{{run_id}}"
HOST: Final = "{{host}} {{service}}"
GPU: Final = "{{host}} {{gpu}}"


def _monitor(name: str, legend: str) -> Query:
    return Query(f"truscore_monitor_{name}", legend)


PIPELINE: Final = Dashboard(
    "truscore-pipeline",
    "TruScore pipeline",
    [
        (
            "Where things stand",
            [
                Panel("Runs and orders by state", [_monitor("runs", "{{state}}")], kind="bargauge", width=12, height=6),
                Panel("Alerts that stand", [Query("truscore_monitor_alerts > 0", "{{rule}} {{severity}}")],
                      kind="table", width=6, height=6),
                Panel("Monitor has read the log", [_monitor("caught_up", "")], "bool_yes_no", "stat", 3, 6),
                Panel("Watching clients", [_monitor("watchers", "")], kind="stat", width=3, height=6),
            ],
        ),
        (
            "Events",
            [
                Panel("Events per second by type",
                      [Query("sum by (type) (rate(truscore_monitor_events_total[5m]))", "{{type}}")], "ops", width=12),
                Panel("Deliveries by what became of them",
                      [Query("truscore:deliveries:rate5m", "{{service}} {{outcome}}")], "ops", width=12),
                Panel("Events published per second",
                      [Query("truscore:events_published:rate5m", "{{routing_key}}")], "ops"),
                Panel("Share of deliveries that became dead letters",
                      [Query("truscore:dead_letters:ratio15m", "{{service}}")], "percentunit"),
                Panel("Notifications by what became of them",
                      [Query("sum by (sink, outcome) (increase(truscore_monitor_notifications_total[1h]))",
                             "{{sink}} {{outcome}}")]),
            ],
        ),
        (
            "Record of experiments",
            [
                Panel("Put on record per second",
                      [Query("sum by (type) (rate(truscore_tracker_events_total[5m]))", "{{type}}")], "ops"),
                Panel("Record: failures and refusals",
                      [Query("increase(truscore_tracker_ledger_failures_total[5m])", "MLflow away"),
                       Query("sum by (type) (increase(truscore_tracker_refused_total[5m]))", "refused {{type}}")]),
                Panel("Place of the record in the event log", [Query("truscore_tracker_log_offset", "offset")]),
            ],
        ),
        (
            "Services",
            [
                Panel("Services that answer", [Query("truscore:services_up:ratio", "{{job}}")],
                      "percentunit", width=12),
                Panel("Resident memory of the services",
                      [Query('process_resident_memory_bytes{job=~"truscore.*"}', "{{instance}}")], "bytes", width=12),
            ],
        ),
    ],
)  # fmt: skip

TRAINERS: Final = Dashboard(
    "truscore-trainers",
    "TruScore trainers",
    [
        (
            "Runs",
            [
                Panel("Training loss", [_monitor("run_train_loss", RUN)], width=12, height=8, logarithmic=True),
                Panel("Images per second", [_monitor("run_images_per_second", RUN)], width=12, height=8),
                Panel("Time to the end",
                      [_monitor("run_eta_seconds", RUN), _monitor("run_eta_low_seconds", f"{RUN} at least"),
                       _monitor("run_eta_high_seconds", f"{RUN} at most")], "s"),
                Panel("Epoch", [_monitor("run_epoch", RUN)]),
                Panel("Attempt, step",
                      [_monitor("run_attempt", f"attempt {RUN}"), _monitor("run_step", f"step {RUN}")]),
            ],
        ),
        (
            "Trainers",
            [
                Panel("Runs in hand", [Query("truscore_trainer_runs", "{{instance}}")], width=6),
                Panel("Images per second over all runs",
                      [Query("truscore_trainer_images_per_second", "{{instance}}")], width=6),
                Panel("Attempts by how they ended, restarts",
                      [Query("sum by (ended) (increase(truscore_trainer_attempts_total[1h]))", "{{ended}}"),
                       Query("sum by (instance) (increase(truscore_trainer_restarts_total[1h]))",
                             "restarts {{instance}}")], width=6),
                Panel("Journals: records published, and how long they wait",
                      [Query("sum by (instance) (rate(truscore_trainer_relayed_total[5m]))", "per second {{instance}}"),
                       Query("truscore_trainer_relay_lag_seconds", "waiting, s {{instance}}")], width=6),
            ],
        ),
    ],
)  # fmt: skip

HARDWARE: Final = Dashboard(
    "truscore-hardware",
    "TruScore hardware",
    [
        (
            "Hosts",
            [
                Panel("Processor", [_monitor("host_cpu_percent", HOST)], "percent"),
                Panel("Memory in use",
                      [Query("truscore_monitor_host_memory_used_bytes / truscore_monitor_host_memory_total_bytes",
                             HOST)], "percentunit"),
                Panel("Free disk", [_monitor("host_disk_free_bytes", HOST)], "bytes"),
                Panel("Memory of a service and its children", [_monitor("host_process_memory_bytes", HOST)], "bytes"),
                Panel("Processor of a service, and time it was kept from it",
                      [_monitor("host_process_cpu_percent", f"{HOST} of a core"),
                       _monitor("host_cgroup_cpu_throttled_percent", f"{HOST} kept from it")], "percent"),
                Panel("Memory of a container and its limit",
                      [_monitor("host_cgroup_memory_bytes", f"{HOST} held"),
                       _monitor("host_cgroup_memory_limit_bytes", f"{HOST} limit")], "bytes"),
                Panel("Disk of a service",
                      [_monitor("host_process_disk_read_bytes_per_second", f"{HOST} read"),
                       _monitor("host_process_disk_write_bytes_per_second", f"{HOST} written")], "Bps", width=12),
                Panel("Seconds since a host was sampled",
                      [Query("time() - truscore_monitor_host_sampled_timestamp_seconds", HOST)], "s", width=12),
            ],
        ),
        (
            "GPUs",
            [
                Panel("GPU utilisation", [_monitor("gpu_utilization_percent", GPU)], "percent", width=6),
                Panel("GPU memory in use",
                      [Query("truscore_monitor_gpu_memory_used_bytes / truscore_monitor_gpu_memory_total_bytes", GPU)],
                      "percentunit", width=6),
                Panel("GPU temperature", [_monitor("gpu_temperature_celsius", GPU)], "celsius", width=6),
                Panel("GPU power", [_monitor("gpu_power_watts", GPU)], "watt", width=6),
                Panel("GPU energy", [_monitor("gpu_energy_joules", GPU)], "joule", width=6),
                Panel("GPU clocks", [_monitor("gpu_sm_clock_mhz", f"{GPU} SM"),
                                     _monitor("gpu_memory_clock_mhz", f"{GPU} memory")], "MHz", width=6),
                Panel("Reasons for lower GPU clocks", [_monitor("gpu_throttle_reasons", GPU)], "none", width=6),
                Panel("PCIe of GPUs", [_monitor("gpu_pcie_receive_bytes_per_second", f"{GPU} in"),
                                       _monitor("gpu_pcie_send_bytes_per_second", f"{GPU} out")], "Bps", width=6),
                Panel("GPU engines busy",
                      [_monitor("gpu_sm_active_percent", f"{GPU} SM"),
                       _monitor("gpu_tensor_active_percent", f"{GPU} tensor cores"),
                       _monitor("gpu_memory_utilization_percent", f"{GPU} memory")], "percent", width=12),
                Panel("GPU errors",
                      [_monitor("gpu_ecc_corrected_errors", f"{GPU} corrected"),
                       _monitor("gpu_ecc_uncorrected_errors", f"{GPU} uncorrected"),
                       _monitor("gpu_last_xid", f"{GPU} last Xid")], "none", width=12),
            ],
        ),
    ],
)  # fmt: skip

BROKER: Final = Dashboard(
    "truscore-broker",
    "TruScore broker",
    [
        (
            "Queues",
            [
                Panel("Messages that wait, by queue",
                      [Query('topk(20, rabbitmq_detailed_queue_messages_ready{queue!~"truscore[.].*"})', "{{queue}}")],
                      width=12, height=8),
                Panel("Messages in hand, by queue",
                      [Query("topk(20, rabbitmq_detailed_queue_messages_unacked)", "{{queue}}")], width=12, height=8),
                Panel("Dead letters that wait",
                      [Query('rabbitmq_detailed_queue_messages_ready{queue=~".+[.]dead"}', "{{queue}}")]),
                Panel("Consumers, by queue",
                      [Query('rabbitmq_detailed_queue_consumers{queue!~".+[.](dead|retry[.].+)"}', "{{queue}}")]),
                Panel("Entries of the event log",
                      [Query('rabbitmq_detailed_queue_messages_ready{queue=~"truscore[.].*"}', "{{queue}}")]),
            ],
        ),
        (
            "Messages",
            [
                Panel("Messages received per second",
                      [Query("sum by (protocol) (rate(rabbitmq_global_messages_received_total[5m]))",
                             "{{protocol}}")], "ops"),
                Panel("Messages delivered per second",
                      [Query("sum by (protocol) (rate(rabbitmq_global_messages_delivered_total[5m]))",
                             "{{protocol}}")], "ops"),
                Panel("Redelivered and unroutable messages",
                      [Query("sum(increase(rabbitmq_global_messages_redelivered_total[15m]))", "redelivered"),
                       Query("sum(increase(rabbitmq_global_messages_unroutable_returned_total[15m]))", "unroutable")]),
            ],
        ),
        (
            "The node",
            [
                Panel("Memory and its limit", [Query("rabbitmq_process_resident_memory_bytes", "{{instance}} held"),
                                               Query("rabbitmq_resident_memory_limit_bytes", "{{instance}} limit")],
                      "bytes", width=6),
                Panel("Free disk and its limit",
                      [Query("rabbitmq_disk_space_available_bytes", "{{instance}} free"),
                       Query("rabbitmq_disk_space_available_limit_bytes", "{{instance}} least")], "bytes", width=6),
                Panel("Connections, channels, queues", [Query("rabbitmq_connections", "connections"),
                                                        Query("rabbitmq_channels", "channels"),
                                                        Query("rabbitmq_queues", "queues")], width=6),
                Panel("Alarms", [Query("rabbitmq_alarms_memory_used_watermark", "memory"),
                                 Query("rabbitmq_alarms_free_disk_space_watermark", "disk"),
                                 Query("rabbitmq_alarms_file_descriptor_limit", "file descriptors")], width=6),
            ],
        ),
    ],
)  # fmt: skip

DATA_QUALITY: Final = Dashboard(
    "truscore-data-quality",
    "TruScore data quality",
    [
        (
            "Verdicts",
            [
                Panel("Verdicts within an hour",
                      [Query("sum by (answer) (increase(truscore_validator_verdicts_total[1h]))", "{{answer}}")],
                      width=12),
                Panel("Share of datasets that are rejected, within a day",
                      [Query("truscore:datasets_rejected:ratio1d", "rejected")], "percentunit", width=12),
            ],
        ),
        (
            "Findings",
            [
                Panel("Findings within an hour, by rule",
                      [Query("topk(10, sum by (rule) (increase(truscore_validator_findings_total[1h])))", "{{rule}}")],
                      width=12, height=8),
                Panel("Findings within an hour, by severity",
                      [Query("sum by (severity) (increase(truscore_validator_findings_total[1h]))", "{{severity}}")],
                      width=12, height=8),
                Panel("Rules with most findings of all time",
                      [Query("topk(20, sum by (rule, severity) (truscore_validator_findings_total))",
                             "{{rule}} {{severity}}")], kind="table", width=24, height=8),
            ],
        ),
    ],
)  # fmt: skip

DASHBOARDS: Final = (PIPELINE, TRAINERS, HARDWARE, BROKER, DATA_QUALITY)
