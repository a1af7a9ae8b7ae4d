// Everything that is asked of InfluxDB, for the whole pool at once. `bucket` and `start` are defined in front of it.
// The last minute is empty for a host that has fallen silent, and the mean of nothing is a null, which the client cannot read.
hosts = ["b3lb_host", "bigblueswarm_host"]
cpu = from(bucket: bucket)
  |> range(start: start)
  |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage_idle" and r.cpu == "cpu-total")
  |> group(columns: hosts)
mem = from(bucket: bucket)
  |> range(start: start)
  |> filter(fn: (r) => r._measurement == "mem" and r._field == "used_percent")
  |> group(columns: hosts)
present = (tables=<-) => tables |> filter(fn: (r) => exists r._value)
cpu |> mean() |> present() |> yield(name: "cpu_mean")
cpu |> range(start: -1m) |> mean() |> present() |> yield(name: "cpu_recent")
cpu |> last() |> present() |> yield(name: "cpu_last")
mem |> mean() |> present() |> yield(name: "mem_mean")
mem |> last() |> present() |> yield(name: "mem_last")
