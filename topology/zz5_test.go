package topology
import ("testing";"path/filepath";"fmt";"time";"strings";"hash/fnv")
func TestZZDamage(t *testing.T){
 start:=time.Now(); n:=0; noted:=0; changed:=0; silent:=map[string]int{}
 for _,a:=range corpusCases(t,"sysfs","fsroot.tar.gz"){
  name:=filepath.Base(filepath.Dir(a))
  if strings.Contains(name,"1920") {continue}
  m:=loadTar(t,a)
  orig,_:=Read(m)
  ids:=map[int]bool{}; for _,c:=range orig.CPUs{ids[c.ID]=true}
  sig:=func(x *Topology)string{w:=x.Warnings;x.Warnings=nil;s:=fmt.Sprint(*x);x.Warnings=w;return s}
  os:=sig(orig)
  files:=m.files()
  for _,f:=range files{
   if !strings.Contains(f,"/topology/")&&!strings.Contains(f,"/cache/")&&!strings.Contains(f,"/node/")&&!strings.HasPrefix(f,"proc/self")&&strings.Count(f,"/")!=4 {continue}
   h:=fnv.New32(); h.Write([]byte(f+name))
   if len(files)>300 && h.Sum32()%uint32(len(files)/60+1)!=0 {continue}
   data:=string(m.find(f).data)
   for k:=0;k<4;k++{
    switch k{case 0:m.remove(f);case 1:m.set(f,"");case 2:m.set(f,data[:len(data)/2]);case 3:m.set(f,"\xff-,9z\n")}
    top,err:=Read(m); n++
    m.set(f,data)
    if err!=nil{noted++;continue}
    for _,c:=range top.CPUs{ if !ids[c.ID]{t.Errorf("%s %s %d: invented CPU %d",name,f,k,c.ID)}}
    checkInvariants(t,top)
    if sig(top)!=os {changed++; if fmt.Sprint(top.Warnings)==fmt.Sprint(orig.Warnings){ p:=f[strings.LastIndex(f,"/"):]; silent[fmt.Sprint(k,p)]++ ; if k==0&&(strings.HasSuffix(f,"siblings")||strings.HasSuffix(f,"level")||strings.HasSuffix(f,"meminfo"))||k==1 {fmt.Println(name,f,k,"silent")}} }
   }
  }
 }
 fmt.Println(n,"damages",noted,"errors",changed,"changed","silent",silent,time.Since(start))
}
