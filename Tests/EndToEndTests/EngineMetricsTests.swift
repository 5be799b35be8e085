import TestRun
import Testing
import Upstream

@testable import certd

@Suite("What engines tell of themselves", .ownThread) struct EngineMetricsTests {
  private func read(_ text: String) -> EngineMetrics { EngineMetrics(Array(text.utf8)) }

  @Test("vLLM's blocks make its cache, and what runs and waits is its load, over all engines of a server")
  func vllm() {
    let told = read(
      """
      # TYPE vllm:cache_config_info gauge
      vllm:cache_config_info{block_size="16",cache_dtype="auto",num_gpu_blocks="3072",engine="0"} 1.0
      vllm:cache_config_info{block_size="16",num_gpu_blocks="1024",engine="1"} 1.0
      vllm:num_requests_running{engine="0",model_name="a b"} 3
      vllm:num_requests_waiting{engine="0"} 2.0
      vllm:num_requests_running{engine="1"} 1
      vllm:kv_cache_usage_perc{engine="0"} 0.5
      """)
    #expect(told.cacheTokens == 65536)
    #expect(told.requests == 6)
  }

  @Test("SGLang, TGI, llama.cpp and TensorRT-LLM have names of their own")
  func others() {
    let sglang = read(
      "sglang:max_total_num_tokens{model_name=\"m\"} 49152\nsglang:num_running_reqs 4\nsglang:num_queue_reqs 1"
    )
    #expect(sglang.cacheTokens == 49152 && sglang.requests == 5)
    #expect(read("tgi_queue_size 2\ntgi_batch_current_size 8").requests == 10)
    #expect(read("llamacpp:requests_processing 1\nllamacpp:requests_deferred 0").requests == 1)
    #expect(read("trtllm_num_requests_running 7 1700000000000").requests == 7)
  }

  @Test(
    "what is no figure is passed over",
    arguments: [
      "", "vllm:cache_config_info 1", "vllm:cache_config_info{block_size=\"x\",num_gpu_blocks=\"3\"} 1",
      "vllm:num_requests_running NaN", "vllm:num_requests_running -1", "sglang:max_total_num_tokens +Inf",
      "\u{0}\u{1}",
    ])
  func nothing(_ text: String) {
    #expect(read(text).cacheTokens == nil && read(text).requests == nil)
  }

  @Test("absurd figures are bounded, and only requests of others are added to ours")
  func told() {
    let state = EngineState()
    read("sglang:max_total_num_tokens 1e300\nsglang:num_running_reqs 5").tell(state, own: 3)
    #expect(state.index.cacheTokens == PrefixIndex.maximumBlocks * PrefixIndex.tokensOfBlock)
    #expect(state.others == 2)
    read("sglang:num_running_reqs 1").tell(state, own: 3)
    #expect(state.others == 0)
    read("nothing 1").tell(state, own: 0)
    #expect(state.index.cacheTokens == PrefixIndex.maximumBlocks * PrefixIndex.tokensOfBlock)
  }
}
