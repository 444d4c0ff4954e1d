// The informer of client-go against the same server: one line of JSON comes out.
//
//	client_go sync KUBECONFIG protobuf|json|metadata|dynamic
//	client_go many KUBECONFIG protobuf COUNT SECONDS
//	client_go events KUBECONFIG protobuf|json COUNT
package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const namespace = "bench"

// Between opening watches and measuring them idle: then as many bookmarks are within that as it has minutes.
const settling = 30 * time.Second

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func cpuSeconds() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Sec+used.Stime.Sec) + float64(used.Utime.Usec+used.Stime.Usec)/1e6
}

func statusBytes(key string) float64 {
	for _, line := range strings.Split(string(must(os.ReadFile("/proc/self/status"))), "\n") {
		if strings.HasPrefix(line, key) {
			return float64(must(strconv.Atoi(strings.Fields(line)[1]))) * 1024
		}
	}
	return 0
}

func sockets() float64 {
	count := 0.0
	for _, file := range must(filepath.Glob("/proc/self/fd/*")) {
		if name, err := os.Readlink(file); err == nil && strings.HasPrefix(name, "socket:") {
			count++
		}
	}
	return count
}

func configFrom(path, kind string) *rest.Config {
	config := must(clientcmd.BuildConfigFromFlags("", path))
	config.QPS, config.Burst = -1, 0
	if kind == "protobuf" {
		config.ContentType = "application/vnd.kubernetes.protobuf"
		config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	} else if kind == "json" {
		config.ContentType, config.AcceptContentTypes = "application/json", "application/json"
	}
	return config
}

func informer(config *rest.Config, kind, in string, resource schema.GroupVersionResource) cache.SharedIndexInformer {
	switch kind {
	case "metadata":
		client := must(metadata.NewForConfig(config))
		return metadatainformer.NewFilteredMetadataInformer(client, resource, in, 0, cache.Indexers{}, nil).Informer()
	case "dynamic":
		client := must(dynamic.NewForConfig(config))
		return dynamicinformer.NewFilteredDynamicInformer(client, resource, in, 0, cache.Indexers{}, nil).Informer()
	}
	client := must(kubernetes.NewForConfig(config))
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(in))
	return must(factory.ForResource(resource)).Informer()
}

func sync(path, kind string) map[string]float64 {
	found := informer(configFrom(path, kind), kind, namespace, pods)
	found.AddEventHandler(cache.ResourceEventHandlerFuncs{})
	debug.FreeOSMemory()
	base, wall, cpu := statusBytes("VmRSS:"), time.Now(), cpuSeconds()
	stop := make(chan struct{})
	go found.Run(stop)
	for !found.HasSynced() {
		time.Sleep(time.Millisecond)
	}
	result := map[string]float64{"wall": time.Since(wall).Seconds(), "cpu": cpuSeconds() - cpu}
	result["peak"] = statusBytes("VmHWM:") - base
	debug.FreeOSMemory()
	result["kept"] = statusBytes("VmRSS:") - base
	result["objects"] = float64(len(found.GetStore().ListKeys()))
	return result
}

func many(path, kind string, count, seconds int) map[string]float64 {
	config := configFrom(path, kind)
	client := must(kubernetes.NewForConfig(config))
	base, wall, cpu := statusBytes("VmRSS:"), time.Now(), cpuSeconds()
	stop := make(chan struct{})
	for n := 0; n < count; n++ {
		in := "many-" + strconv.Itoa(n)
		factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(in))
		found := must(factory.ForResource(configMaps)).Informer()
		go found.Run(stop)
		for !found.HasSynced() {
			time.Sleep(time.Millisecond)
		}
	}
	result := map[string]float64{"wall": time.Since(wall).Seconds(), "cpu": cpuSeconds() - cpu}
	debug.FreeOSMemory()
	result["kept"], result["sockets"] = statusBytes("VmRSS:")-base, sockets()
	time.Sleep(settling)
	cpu = cpuSeconds()
	time.Sleep(time.Duration(seconds) * time.Second)
	result["idle"] = cpuSeconds() - cpu
	return result
}

func events(path, kind string, count int64) map[string]float64 {
	found := informer(configFrom(path, kind), kind, namespace, configMaps)
	var seen atomic.Int64
	done := make(chan struct{})
	found.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, _ any) {
		if seen.Add(1) == count {
			close(done)
		}
	}})
	stop := make(chan struct{})
	go found.Run(stop)
	for !found.HasSynced() {
		time.Sleep(time.Millisecond)
	}
	// Whoever started this process writes from now on.
	println("synced")
	cpu := cpuSeconds()
	<-done
	return map[string]float64{"cpu": cpuSeconds() - cpu}
}

func main() {
	what, path, kind := os.Args[1], os.Args[2], os.Args[3]
	var result map[string]float64
	switch what {
	case "sync":
		result = sync(path, kind)
	case "many":
		result = many(path, kind, must(strconv.Atoi(os.Args[4])), must(strconv.Atoi(os.Args[5])))
	case "events":
		result = events(path, kind, int64(must(strconv.Atoi(os.Args[4]))))
	}
	json.NewEncoder(os.Stdout).Encode(result)
}
