# A dashboard drawn from the catalog: for every chain what waits, what is answered and how long it
# takes; then what was given up.

locals {
  # A chart is one filter, how each series is aligned, and the label that tells the series apart.
  charts = concat(
    flatten([
      for chain, sentence in local.catalog.chains : [
        for chart in [
          {
            title   = "${chain}: oldest message waiting (s)"
            filter  = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND ${local.of_subscription}=one_of(${lookup(local.chain_steps, chain, "")})"
            aligner = "ALIGN_MAX"
            reducer = "REDUCE_MAX"
            by      = "resource.label.subscription_id"
            shown   = contains(keys(local.chain_steps), chain)
          },
          {
            title   = "${chain}: requests by answer"
            filter  = "metric.type=\"run.googleapis.com/request_count\" AND resource.type=\"cloud_run_revision\" AND resource.labels.service_name=one_of(${lookup(local.chain_services, chain, "")})"
            aligner = "ALIGN_RATE"
            reducer = "REDUCE_SUM"
            by      = "metric.label.response_code"
            shown   = contains(keys(local.chain_services), chain)
          },
          {
            title   = "${chain}: duration, 95th percentile (ms)"
            filter  = "metric.type=\"run.googleapis.com/request_latencies\" AND resource.type=\"cloud_run_revision\" AND resource.labels.service_name=one_of(${lookup(local.chain_services, chain, "")})"
            aligner = "ALIGN_PERCENTILE_95"
            reducer = "REDUCE_MAX"
            by      = "resource.label.service_name"
            shown   = contains(keys(local.chain_services), chain)
          },
        ] : chart if chart.shown
      ]
    ]),
    [
      {
        title   = "dead letters by step"
        filter  = "metric.type=\"pubsub.googleapis.com/subscription/dead_letter_message_count\" AND resource.type=\"pubsub_subscription\""
        aligner = "ALIGN_DELTA"
        reducer = "REDUCE_SUM"
        by      = "resource.label.subscription_id"
        shown   = true
      },
      {
        title   = "dead letters kept"
        filter  = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND ${local.of_subscription}=\"${google_pubsub_subscription.kept.name}\""
        aligner = "ALIGN_MAX"
        reducer = "REDUCE_MAX"
        by      = "resource.label.subscription_id"
        shown   = true
      },
      {
        title   = "entities set aside by step"
        filter  = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.this["parked"].name}\" AND resource.type=\"cloud_run_revision\""
        aligner = "ALIGN_DELTA"
        reducer = "REDUCE_SUM"
        by      = "metric.label.step"
        shown   = true
      },
    ],
  )

  chain_services = {
    for chain in distinct([for function in local.gen2 : function.chain]) : chain => join(",", [
      for function in local.gen2 : "\"${function.id}\"" if function.chain == chain
    ])
  }
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = jsonencode({
    displayName = "HealBridge Sync"
    gridLayout = {
      columns = "3"
      widgets = concat(
        [{
          title = "Chains"
          text  = { format = "MARKDOWN", content = join("\n", [for chain, sentence in local.catalog.chains : "- **${chain}**: ${sentence}"]) }
        }],
        [for chart in local.charts : {
          title = chart.title
          xyChart = {
            dataSets = [{
              plotType = "LINE"
              timeSeriesQuery = {
                timeSeriesFilter = {
                  filter = chart.filter
                  aggregation = {
                    alignmentPeriod    = "60s"
                    perSeriesAligner   = chart.aligner
                    crossSeriesReducer = chart.reducer
                    groupByFields      = [chart.by]
                  }
                }
              }
            }]
          }
        }],
      )
    }
  })
}
