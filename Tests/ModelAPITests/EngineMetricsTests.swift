import ModelAPI
import TestRun
import TestSupport
import Testing

/// What an engine tells, and what is to be read of it.
struct EngineSample: CustomTestStringConvertible {
  let testDescription: String
  let text: String
  var running: Int?
  var waiting: Int?
  var cacheTokens: Int?
  var cacheUse: Double?
  var cachedTokens: Int?

  init(
    _ name: String, _ text: String, running: Int? = nil, waiting: Int? = nil, cacheTokens: Int? = nil,
    cacheUse: Double? = nil, cachedTokens: Int? = nil
  ) {
    testDescription = name
    self.text = text
    self.running = running
    self.waiting = waiting
    self.cacheTokens = cacheTokens
    self.cacheUse = cacheUse
    self.cachedTokens = cachedTokens
  }

  static let kinds = [
    EngineSample(
      "vLLM, two engines of a server",
      """
      # TYPE vllm:cache_config_info gauge
      vllm:cache_config_info{block_size="16",cache_dtype="auto",num_gpu_blocks="3072",engine="0"} 1.0
      vllm:cache_config_info{block_size="16",num_gpu_blocks="1024",engine="1"} 1.0
      vllm:num_requests_running{engine="0",model_name="a b"} 3
      vllm:num_requests_waiting{engine="0"} 2.0
      vllm:num_requests_running{engine="1"} 1
      vllm:kv_cache_usage_perc{engine="0"} 0.5
      vllm:kv_cache_usage_perc{engine="1"} 0.25
      vllm:prefix_cache_hits_total{engine="0"} 4096.0
      vllm:prefix_cache_hits_created{engine="0"} 1.7e9
      vllm:prefix_cache_queries_total{engine="0"} 9000.0
      """, running: 4, waiting: 2, cacheTokens: 65536, cacheUse: 0.375, cachedTokens: 4096),
    EngineSample(
      "vLLM before its first engine of today", "vllm:gpu_cache_usage_perc 0.125\nvllm:num_requests_running 1",
      running: 1, cacheUse: 0.125),
    EngineSample(
      "SGLang, told by each of two processes",
      """
      sglang:max_total_num_tokens{model_name="m",tp_rank="0"} 49152
      sglang:max_total_num_tokens{model_name="m",tp_rank="1"} 49152
      sglang:num_running_reqs{tp_rank="0",pp_rank="0"} 4
      sglang:num_running_reqs{tp_rank="1",pp_rank="0"} 4
      sglang:num_queue_reqs{tp_rank="0"} 1
      sglang:token_usage{tp_rank="0"} 0.28
      sglang:cached_tokens_total{cache_source="device"} 700
      sglang:cached_tokens_total{cache_source="host"} 68
      """, running: 4, waiting: 1, cacheTokens: 49152, cacheUse: 0.28, cachedTokens: 768),
    EngineSample(
      "SGLang's cache by its pages, as labels",
      #"sglang:cache_config_info{page_size="64",num_pages="1000"} 1"#,
      cacheTokens: 64000),
    EngineSample(
      "SGLang's cache by its pages", "sglang:page_size 64\nsglang:num_pages 1000", cacheTokens: 64000),
    EngineSample("TGI", "tgi_queue_size 2\ntgi_batch_current_size 8", running: 8, waiting: 2),
    EngineSample(
      "llama.cpp",
      "llamacpp:requests_processing 1\nllamacpp:requests_deferred 0\nllamacpp:kv_cache_usage_ratio 0.5",
      running: 1, waiting: 0, cacheUse: 0.5),
    EngineSample(
      "Triton with TensorRT-LLM",
      """
      nv_inference_pending_request_count{model="tensorrt_llm",version="1"} 9
      nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="waiting",version="1"} 2
      nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="scheduled",version="1"} 5
      nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="active",version="1"} 7
      nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="max",version="1"} 512
      nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="tokens_per",model="tensorrt_llm"} 64
      nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="tensorrt_llm"} 1000
      nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="used",model="tensorrt_llm"} 250
      nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="free",model="tensorrt_llm"} 750
      nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="reused",model="tensorrt_llm"} 10
      """, running: 5, waiting: 2, cacheTokens: 64000, cacheUse: 0.25, cachedTokens: 640),
    EngineSample(
      "Triton that does not say who waits",
      """
      nv_trt_llm_request_metrics{request_type="scheduled"} 5
      nv_trt_llm_request_metrics{request_type="active"} 7
      """, running: 7),
    EngineSample(
      "Triton with another engine", #"nv_inference_pending_request_count{model="m",version="1"} 3"#,
      waiting: 3),
    EngineSample(
      "TensorRT-LLM's own server",
      """
      trtllm_num_requests_running{model_name="m",engine_type="pytorch"} 7 1700000000000
      trtllm_num_requests_waiting{model_name="m"} 1
      trtllm_kv_cache_utilization{model_name="m"} 0.75
      trtllm_kv_cache_max_blocks{model_name="m"} 2048
      trtllm_kv_cache_tokens_per_block{model_name="m"} 32
      trtllm_kv_cache_reused_blocks_total{model_name="m"} 3
      """, running: 7, waiting: 1, cacheTokens: 65536, cacheUse: 0.75, cachedTokens: 96),
    EngineSample(
      "TensorRT-LLM's own server in JSON",
      #"""
      [{"iter": 1, "numActiveRequests": 99, "note": "}{\""},
       {"iter": 2, "numActiveRequests": 5, "numQueuedRequests": 3, "inflightBatchingStats": {"numPausedRequests": 1},
        "kvCacheStats": {"maxNumBlocks": 1000, "usedNumBlocks": 250, "tokensPerBlock": 32, "reusedBlocks": 4}}]
      """#, running: 5, waiting: 3, cacheTokens: 32000, cacheUse: 0.25, cachedTokens: 128),
  ]
}

@Suite("What engines tell of themselves", .ownThread) struct EngineMetricsTests {
  private func read(_ text: String) -> EngineMetrics { EngineMetrics(Array(text.utf8)) }

  @Test("each kind of engine is understood by its own names", arguments: EngineSample.kinds)
  func kinds(_ sample: EngineSample) {
    let told = read(sample.text)
    #expect(told.running == sample.running)
    #expect(told.waiting == sample.waiting)
    #expect(told.cacheTokens == sample.cacheTokens)
    #expect(told.cacheUse == sample.cacheUse)
    #expect(told.cachedTokens == sample.cachedTokens)
  }

  @Test(
    "what is no figure is passed over",
    arguments: [
      "", "vllm:cache_config_info 1", "vllm:cache_config_info{block_size=\"x\",num_gpu_blocks=\"3\"} 1",
      "vllm:num_requests_running NaN", "vllm:num_requests_running -1", "sglang:max_total_num_tokens +Inf",
      "\u{0}\u{1}", "{", "vllm:num_requests_running{", "vllm:num_requests_running{} ", "[]", "[[[[", "[{\"",
      "[{\"numActiveRequests\": \"7\"}]", "[{\"numActiveRequests\": 7", "}{\"numActiveRequests\": 7}",
      "nv_trt_llm_request_metrics 7", "nv_trt_llm_request_metrics{xrequest_type=\"active\"} 7",
      "vllm:num_requests_running{a=\"" + String(repeating: "x", count: EngineMetrics.maximumLine) + "\"} 7",
      "[{\"numActiveRequests\": 7, \"a\": \"" + String(repeating: "x", count: EngineMetrics.maximumStep)
        + "\"}]",
      "vllm:num_requests_running 1" + String(repeating: "0", count: 40),
    ])
  func nothing(_ text: String) { #expect(read(text) == read("")) }

  @Test("absurd figures are bounded")
  func bounded() {
    let told = read("sglang:max_total_num_tokens 1e300\nsglang:num_running_reqs 1e300\nsglang:token_usage 7")
    #expect(told.cacheTokens == EngineMetrics.largestFigure)
    #expect(told.running == EngineMetrics.largestFigure)
    #expect(told.cacheUse == 1)
  }

  @Test("whatever the bytes are, figures stay within bounds", arguments: 0..<20 as Range<UInt64>)
  func hostile(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let all = EngineSample.kinds.map(\.text).joined(separator: "\n").utf8
    for _ in 0..<50 {
      var bytes = Array(all)
      for _ in 0..<Int.random(in: 1...200, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
      }
      let told = EngineMetrics(bytes)
      for figure in [told.running, told.waiting, told.cacheTokens, told.cachedTokens] {
        #expect((0...EngineMetrics.largestFigure).contains(figure ?? 0))
      }
      #expect((0...1).contains(told.cacheUse ?? 0))
    }
  }
}
