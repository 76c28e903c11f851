<?xml version='1.0' encoding='UTF-8'?>
<tileset version="1.8" tiledversion="1.8.2" name="water_grass" tilewidth="16" tileheight="16" tilecount="20" columns="4">
 <image source="../tiles/tile_water_grass.png" width="64" height="80" />
 <wangsets>
  <wangset name="water_grass" type="corner" tile="-1">
   <wangcolor name="water" color="#0460be" tile="-1" probability="1" />
   <wangcolor name="grass" color="#057e00" tile="-1" probability="1" />
   <wangtile tileid="0" wangid="0,1,0,1,0,1,0,1" />
   <wangtile tileid="1" wangid="0,2,0,1,0,1,0,1" />
   <wangtile tileid="2" wangid="0,1,0,2,0,1,0,1" />
   <wangtile tileid="3" wangid="0,2,0,2,0,1,0,1" />
   <wangtile tileid="4" wangid="0,1,0,1,0,2,0,1" />
   <wangtile tileid="5" wangid="0,2,0,1,0,2,0,1" />
   <wangtile tileid="6" wangid="0,1,0,2,0,2,0,1" />
   <wangtile tileid="7" wangid="0,2,0,2,0,2,0,1" />
   <wangtile tileid="8" wangid="0,1,0,1,0,1,0,2" />
   <wangtile tileid="9" wangid="0,2,0,1,0,1,0,2" />
   <wangtile tileid="10" wangid="0,1,0,2,0,1,0,2" />
   <wangtile tileid="11" wangid="0,2,0,2,0,1,0,2" />
   <wangtile tileid="12" wangid="0,1,0,1,0,2,0,2" />
   <wangtile tileid="13" wangid="0,2,0,1,0,2,0,2" />
   <wangtile tileid="14" wangid="0,1,0,2,0,2,0,2" />
   <wangtile tileid="15" wangid="0,2,0,2,0,2,0,2" />
   <wangtile tileid="16" wangid="0,1,0,1,0,1,0,1" />
   <wangtile tileid="17" wangid="0,1,0,1,0,1,0,1" />
   <wangtile tileid="18" wangid="0,2,0,2,0,2,0,2" />
   <wangtile tileid="19" wangid="0,2,0,2,0,2,0,2" />
  </wangset>
 </wangsets>
</tileset>
